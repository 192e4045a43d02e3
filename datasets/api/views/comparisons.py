"""The API of comparisons."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from datasets import services
from datasets.api.serializers.comparisons import (
    ComparisonRequestSerializer,
    ComparisonSerializer,
    ComparisonSummarySerializer,
)
from datasets.exploration.comparisons import details_of
from datasets.models import ComparisonStatus, Dataset, Use, VersionComparison
from datasets.selectors import datasets_visible_to, version_numbered
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer

_DATASET_ID = OpenApiParameter(
    "dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset."
)


class _ComparisonsView(ProjectScopedMixin, GenericAPIView[VersionComparison]):
    """Comparisons of datasets whose rows the caller may see."""

    queryset = VersionComparison.objects.all()
    filter_backends = ()

    def get_queryset(self) -> QuerySet[VersionComparison]:
        if getattr(self, "swagger_fake_view", False):
            return VersionComparison.objects.none()
        readable = datasets_visible_to(self.principal, Use.READ).order_by()
        return VersionComparison.objects.filter(base__dataset__in=readable).select_related(
            "base__dataset", "other__dataset", "created_by", "job"
        )


@extend_schema_view(get=extend_schema(parameters=[_DATASET_ID]))
class DatasetComparisonsView(mixins.ListModelMixin, _ComparisonsView):
    """The comparisons of one dataset."""

    serializer_class = ComparisonSummarySerializer

    def get_queryset(self) -> QuerySet[VersionComparison]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return (
            queryset.filter(base__dataset=self._dataset())
            .defer("base__profile", "base__schema", "other__profile", "other__schema")
            .order_by("-created_at", "-pk")
        )

    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the comparisons, newest first."""
        return self.list(request)

    @extend_schema(
        parameters=[_DATASET_ID],
        request=ComparisonRequestSerializer,
        responses={200: ComparisonSummarySerializer, 202: AcceptedJobSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Compare two versions: a job does it (202), unless it was done before (200)."""
        dataset = self._dataset()
        wanted = ComparisonRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        comparison = services.compare_versions(
            principal=self.principal,
            base=version_numbered(dataset, wanted.validated_data["base"]),
            other=version_numbered(dataset, wanted.validated_data["other"]),
            key=wanted.validated_data.get("key"),
        )
        if comparison.status == ComparisonStatus.READY or comparison.job is None:
            return Response(ComparisonSummarySerializer(comparison).data)
        return accepted(comparison.job)

    def _dataset(self) -> Dataset:
        readable = datasets_visible_to(self.principal, Use.READ)
        return get_object_or_404(readable, pk=self.kwargs["dataset_id"])


class ComparisonView(_ComparisonsView):
    """One comparison."""

    pagination_class = None

    @extend_schema(responses=ComparisonSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return a comparison with what differs in schema and profile, and with sample rows."""
        comparison = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        context = {"details": details_of(comparison)}
        return Response(ComparisonSerializer(comparison, context=context).data)
