"""The API of datasets: make, list, change, delete."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from datasets import services
from datasets.api.serializers import (
    DatasetChangeRequestSerializer,
    DatasetRequestSerializer,
    DatasetSerializer,
)
from datasets.models import Dataset
from datasets.selectors import datasets_visible_to, datasets_with_counts, with_grants


class DatasetFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of datasets can be narrowed by."""

    name = filters.CharFilter(lookup_expr="icontains")
    shared = filters.BooleanFilter(
        method="only_shared", help_text="Those that other projects share, or the others."
    )

    class Meta:
        model = Dataset
        fields: ClassVar[list[str]] = ["name", "shared"]

    def only_shared(self, queryset: QuerySet[Dataset], name: str, value: bool) -> QuerySet[Dataset]:
        return queryset.filter(Q(("grant_level__isnull", not value)))


class DatasetViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Dataset],
):
    """Named tables of the lake."""

    queryset = Dataset.objects.all()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]

    def get_queryset(self) -> QuerySet[Dataset]:
        if getattr(self, "swagger_fake_view", False):
            return Dataset.objects.none()
        shown = datasets_with_counts(datasets_visible_to(self.principal))
        return with_grants(shown, [self.principal.project_id]).select_related(
            "created_by", "project", "restricted_by__project"
        )

    @extend_schema(request=DatasetRequestSerializer, responses={201: DatasetSerializer})
    def create(self, request: Request) -> Response:
        """Make a dataset without rows."""
        wanted = DatasetRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        dataset = services.create_dataset(principal=self.principal, **wanted.validated_data)
        return Response(self._shown(dataset), status=201)

    @extend_schema(request=DatasetChangeRequestSerializer, responses=DatasetSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Rename or describe a dataset."""
        wanted = DatasetChangeRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        dataset = services.update_dataset(
            principal=self.principal, dataset=self.get_object(), **wanted.validated_data
        )
        return Response(self._shown(dataset))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a dataset with all its rows; refused (409) while anything was made from it."""
        services.delete_dataset(principal=self.principal, dataset=self.get_object())
        return Response(status=204)

    def _shown(self, dataset: Dataset) -> Any:
        return DatasetSerializer(self.get_queryset().get(pk=dataset.pk)).data
