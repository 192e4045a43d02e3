"""The API of sources: make, change, read, look, pause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import NotFound
from datasets import services
from datasets.api.serializers.sources import (
    SourceChangeRequestSerializer,
    SourceLookSerializer,
    SourceRequestSerializer,
    SourceRunSerializer,
    SourceSerializer,
)
from datasets.models import Dataset, Source, SourceKind
from datasets.selectors.sources import runs, sources
from datasets.services.source_terms import UNCHANGED, terms_of
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer

_IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key gives the job of the first time.",
)


class SourceFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of sources can be narrowed by."""

    kind = filters.MultipleChoiceFilter(choices=SourceKind.choices)
    dataset = filters.NumberFilter(field_name="dataset_id")
    enabled = filters.BooleanFilter()

    class Meta:
        model = Source
        fields: ClassVar[list[str]] = ["kind", "dataset", "enabled"]


class SourceViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Source],
):
    """Where datasets' rows come from."""

    queryset = sources()
    serializer_class = SourceSerializer
    filterset_class = SourceFilter
    project_lookup = "dataset__project"
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "create": Permission.EDIT,
        "partial_update": Permission.EDIT,
        "destroy": Permission.EDIT,
        "run": Permission.EDIT,
        "check": Permission.EDIT,
        "reset": Permission.EDIT,
    }

    def get_queryset(self) -> QuerySet[Source]:
        return super().get_queryset().order_by("name", "id")

    @extend_schema(request=SourceRequestSerializer, responses={201: SourceSerializer})
    def create(self, request: Request) -> Response:
        """Give a dataset a source."""
        wanted = SourceRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        number = values.pop("dataset")
        dataset = Dataset.objects.filter(pk=number, project_id=self.principal.project_id).first()
        if dataset is None:
            raise NotFound("There is no such dataset.", field="dataset")
        source = services.create_source(
            principal=self.principal,
            dataset=dataset,
            kind=values.pop("kind"),
            secrets=values.pop("secrets", None),
            schedule=values.pop("schedule", None),
            terms=services.SourceTerms(**values),
        )
        return Response(self._shown(source), status=201)

    @extend_schema(request=SourceChangeRequestSerializer, responses=SourceSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change some of what a source says."""
        source = self.get_object()
        wanted = SourceChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        changed = services.change_source(
            principal=self.principal,
            source=source,
            secrets=values.pop("secrets", None),
            schedule=values.pop("schedule", UNCHANGED),
            terms=replace(terms_of(source), **values),
        )
        return Response(self._shown(changed))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a source; the versions that it made stay."""
        services.delete_source(principal=self.principal, source=self.get_object())
        return Response(status=204)

    @extend_schema(
        request=None, responses={202: AcceptedJobSerializer}, parameters=[_IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def run(self, request: Request, **kwargs: Any) -> Response:
        """Read the source now; a job makes the next version when there is something new."""
        job = services.run_source(
            principal=self.principal,
            source=self.get_object(),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return accepted(job)

    @extend_schema(request=None, responses=SourceLookSerializer)
    @action(detail=True, methods=["post"], url_path="check")
    def check(self, request: Request, **kwargs: Any) -> Response:
        """Show what the source would read now, and its first rows; nothing is written."""
        look = services.check_source(principal=self.principal, source=self.get_object())
        return Response(SourceLookSerializer(look).data)

    @extend_schema(request=None, responses=SourceSerializer)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, **kwargs: Any) -> Response:
        """Forget how far the source has been read: the next run reads everything."""
        source = services.reset_source(principal=self.principal, source=self.get_object())
        return Response(self._shown(source))

    @extend_schema(responses=SourceRunSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def runs(self, request: Request, **kwargs: Any) -> Response:
        """List the source's runs, the newest first."""
        page: Any = self.paginate_queryset(
            runs().filter(source=self.get_object())  # type: ignore[arg-type]
        )
        return self.get_paginated_response(SourceRunSerializer(page, many=True).data)

    def _shown(self, source: Source) -> Any:
        return SourceSerializer(self.get_queryset().get(pk=source.pk)).data
