"""The API of experiments and runs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from accounts.api.scoping import ProjectScopedMixin
from core.blobs import default_store
from experiments.api.serializers import (
    ExperimentSerializer,
    RunDetailSerializer,
    RunSerializer,
)
from experiments.models import Experiment, Run


class ExperimentViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Experiment],
):
    """Groups of runs."""

    queryset = Experiment.objects.all()
    serializer_class = ExperimentSerializer
    filterset_fields: ClassVar[list[str]] = ["name"]


class RunViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Run],
):
    """Runs with their parameters, metrics, tags and files."""

    queryset = Run.objects.all()
    project_lookup = "experiment__project"
    serializer_class = RunSerializer
    filterset_fields: ClassVar[list[str]] = ["experiment", "status", "run_id"]
    ordering_fields: ClassVar[list[str]] = ["created_at", "ended_at"]

    def get_serializer_class(self) -> type[BaseSerializer[Run]]:
        return RunDetailSerializer if self.action == "retrieve" else RunSerializer

    @extend_schema(
        parameters=[OpenApiParameter("path", OpenApiTypes.STR, required=True)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def artifact(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Return one file of the run, as an attachment."""
        path = request.query_params.get("path", "")
        found = get_object_or_404(self.get_object().artifacts, path=path)
        response = HttpResponse(
            default_store().read(found.digest), content_type="application/octet-stream"
        )
        response["Content-Disposition"] = f'attachment; filename="{found.digest[:12]}"'
        response["X-Content-Type-Options"] = "nosniff"
        return response
