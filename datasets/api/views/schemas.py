"""The API of the edited schema: what is in force, a new revision, the history."""

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
from datasets.api.serializers.schemas import (
    SchemaRequestSerializer,
    SchemaRevisionSerializer,
    SchemaSerializer,
)
from datasets.models import Dataset, DatasetSchema
from datasets.selectors import schema_to_edit

_DATASET_ID = OpenApiParameter(
    "dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset."
)
_REVISION = OpenApiParameter("revision", OpenApiTypes.INT, OpenApiParameter.PATH)


class _OfDataset(ProjectScopedMixin, GenericAPIView[DatasetSchema]):
    queryset = DatasetSchema.objects.select_related("created_by")
    project_lookup = "dataset__project"
    serializer_class = SchemaRevisionSerializer
    filterset_class = None

    def get_queryset(self) -> QuerySet[DatasetSchema]:
        queryset = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset
        return queryset.filter(dataset=self.dataset).order_by("-revision")

    @property
    def dataset(self) -> Dataset:
        """The dataset of the address."""
        return get_object_or_404(
            Dataset, pk=self.kwargs["dataset_id"], project_id=self.principal.project_id
        )


@extend_schema(parameters=[_DATASET_ID])
class DatasetSchemaView(_OfDataset):
    """What the rows of a dataset are held to."""

    pagination_class = None

    @extend_schema(responses=SchemaSerializer, filters=False)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the schema in force; when there is none, what the newest version has."""
        schema, version = schema_to_edit(self.dataset)
        content = {
            "revision": schema.revision,
            "columns": [column.to_dict() for column in schema],
            "inferred_from": None if version is None else version.pk,
        }
        return Response(content)

    @extend_schema(request=SchemaRequestSerializer, responses=SchemaRevisionSerializer)
    def put(self, request: Request, **kwargs: Any) -> Response:
        """Put a new revision in force: it holds for every later ingest."""
        dataset = self.dataset
        wanted = SchemaRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = services.edit_schema(
            principal=self.principal, dataset=dataset, **wanted.validated_data
        )
        return Response(SchemaRevisionSerializer(made).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Hold later ingests to no schema any more; the revisions stay."""
        services.release_schema(principal=self.principal, dataset=self.dataset)
        return Response(status=204)


@extend_schema_view(get=extend_schema(parameters=[_DATASET_ID]))
class DatasetSchemaHistoryView(mixins.ListModelMixin, _OfDataset):
    """All revisions of a dataset's schema."""

    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the revisions, newest first."""
        return self.list(request)


class DatasetSchemaActivationView(_OfDataset):
    """An earlier revision again."""

    pagination_class = None

    @extend_schema(
        parameters=[_DATASET_ID, _REVISION],
        request=None,
        responses=SchemaRevisionSerializer,
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Put an earlier revision in force."""
        made = services.activate_schema(
            principal=self.principal, dataset=self.dataset, revision=self.kwargs["revision"]
        )
        return Response(SchemaRevisionSerializer(made).data)
