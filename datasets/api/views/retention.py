"""The API of retention: policies, what they would do, runs by hand, holds."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from datasets import services
from datasets.api.serializers import DatasetVersionSummarySerializer
from datasets.api.serializers.retention import (
    HoldRequestSerializer,
    RetentionPlanSerializer,
    RetentionPolicyRequestSerializer,
    RetentionPolicySerializer,
)
from datasets.models import Dataset, DatasetVersion, RetentionPolicy
from datasets.selectors.retention import policy_of
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer

_DATASET_ID = OpenApiParameter(
    "dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset."
)
_VERSION_ID = OpenApiParameter(
    "version_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset version."
)


class RetentionPoliciesView(ProjectScopedMixin, mixins.ListModelMixin, GenericAPIView[Any]):
    """The retention policies of the project."""

    queryset = RetentionPolicy.objects.select_related("dataset")
    serializer_class = RetentionPolicySerializer
    project_lookup = "dataset__project"
    filterset_fields: ClassVar[list[str]] = ["is_enabled"]
    ordering_fields: ClassVar[list[str]] = ["created_at", "last_run_at"]

    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the policies."""
        return self.list(request)


class _OfDataset(ProjectScopedMixin, GenericAPIView[Any]):
    queryset = Dataset.objects.all()
    pagination_class = None
    filter_backends = ()

    def dataset(self) -> Dataset:
        found: Dataset = get_object_or_404(self.get_queryset(), pk=self.kwargs["dataset_id"])
        return found


class RetentionPolicyView(_OfDataset):
    """The retention policy of one dataset."""

    serializer_class = RetentionPolicySerializer

    @extend_schema(parameters=[_DATASET_ID], responses=RetentionPolicySerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the policy; 404 when there is none: then everything stays."""
        return Response(RetentionPolicySerializer(policy_of(self.dataset())).data)

    @extend_schema(
        parameters=[_DATASET_ID],
        request=RetentionPolicyRequestSerializer,
        responses=RetentionPolicySerializer,
    )
    def put(self, request: Request, **kwargs: Any) -> Response:
        """Make or replace the policy."""
        wanted = RetentionPolicyRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        policy = services.set_retention_policy(
            principal=self.principal, dataset=self.dataset(), **wanted.validated_data
        )
        return Response(RetentionPolicySerializer(policy).data)

    @extend_schema(parameters=[_DATASET_ID], responses={204: None})
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete the policy: then everything stays."""
        services.delete_retention_policy(principal=self.principal, dataset=self.dataset())
        return Response(status=204)


class RetentionPreviewView(_OfDataset):
    """What the policy would do now."""

    serializer_class = RetentionPlanSerializer

    @extend_schema(parameters=[_DATASET_ID], responses=RetentionPlanSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the fate of each version with its reasons; changes nothing."""
        planned = services.preview_retention(principal=self.principal, dataset=self.dataset())
        return Response(RetentionPlanSerializer({"versions": planned}).data)


class RetentionRunView(_OfDataset):
    """A run of the policy by hand."""

    serializer_class = AcceptedJobSerializer

    @extend_schema(parameters=[_DATASET_ID], request=None, responses={202: AcceptedJobSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Ask for the policy to be carried out now."""
        return accepted(services.run_retention(principal=self.principal, dataset=self.dataset()))


class CompactionView(_OfDataset):
    """The compaction of a dataset."""

    serializer_class = AcceptedJobSerializer

    @extend_schema(parameters=[_DATASET_ID], request=None, responses={202: AcceptedJobSerializer})
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Ask for the small files of the newest version to be put together; its rows stay equal."""
        return accepted(services.compact_dataset(principal=self.principal, dataset=self.dataset()))


@extend_schema_view(
    put=extend_schema(
        parameters=[_VERSION_ID],
        request=HoldRequestSerializer,
        responses=DatasetVersionSummarySerializer,
    ),
    delete=extend_schema(
        parameters=[_VERSION_ID], responses={200: DatasetVersionSummarySerializer}
    ),
)
class VersionHoldView(ProjectScopedMixin, GenericAPIView[Any]):
    """The hold on a version: retention leaves it alone."""

    queryset = DatasetVersion.objects.select_related("dataset", "created_by")
    serializer_class = DatasetVersionSummarySerializer
    project_lookup = "dataset__project"
    pagination_class = None
    filter_backends = ()

    def put(self, request: Request, **kwargs: Any) -> Response:
        """Hold the version, with a reason."""
        found = self._version()
        wanted = HoldRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = services.hold_version(
            principal=self.principal, version=found, **wanted.validated_data
        )
        return Response(DatasetVersionSummarySerializer(version).data)

    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Release the version."""
        version = services.release_version(principal=self.principal, version=self._version())
        return Response(DatasetVersionSummarySerializer(version).data)

    def _version(self) -> DatasetVersion:
        found: DatasetVersion = get_object_or_404(self.get_queryset(), pk=self.kwargs["version_id"])
        return found
