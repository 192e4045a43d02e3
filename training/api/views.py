"""The API of training."""

from __future__ import annotations

from typing import ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.scoping import ProjectScopedMixin
from core.errors import Invalid
from datasets.models import RecipeRevision
from datasets.selectors import find_revision, versions_visible_to
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from training import services
from training.api.serializers import (
    EstimatorSerializer,
    TrainingRequestSerializer,
    TrainingRunSerializer,
)
from training.estimators import CATALOGUE
from training.models import TrainingRun
from training.selectors import with_related


class TrainingRunViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[TrainingRun],
):
    """Models that were asked for."""

    queryset = with_related(TrainingRun.objects.all())
    serializer_class = TrainingRunSerializer
    filterset_fields: ClassVar[list[str]] = ["registered_model", "dataset_version", "estimator"]
    ordering_fields: ClassVar[list[str]] = ["created_at"]

    @extend_schema(
        request=TrainingRequestSerializer,
        responses={202: AcceptedJobSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def create(self, request: Request) -> Response:
        """Train a model and register it as the next version."""
        wanted = TrainingRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        version = get_object_or_404(
            versions_visible_to(self.principal).select_related("dataset__project"),
            pk=values.pop("dataset_version"),
        )
        chosen = values.pop("recipe")
        values["recipe"] = None if chosen is None else self._revision(**chosen)
        job = services.start_training(
            principal=self.principal,
            dataset_version=version,
            idempotency_key=request.headers.get("Idempotency-Key"),
            **values,
        )
        return accepted(job)

    def _revision(self, id: int, revision: int | None) -> RecipeRevision:  # noqa: A002
        found = find_revision(project_id=self.principal.project_id, recipe_id=id, number=revision)
        if found is None:
            raise Invalid("There is no such recipe, or no such revision of it.", field="recipe")
        return found


class EstimatorCatalogueView(APIView):
    """What can be trained."""

    @extend_schema(responses=EstimatorSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return the catalogue of estimators with the schemas of their hyper-parameters."""
        entries = [
            {
                "key": entry.key,
                "title": entry.title,
                "tasks": list(entry.tasks),
                "params": {one.name: one.schema() for one in entry.parameters},
            }
            for entry in CATALOGUE.values()
        ]
        return Response(entries)
