"""The API of versions: upload a file, look at versions and rows."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from core.api.parsers import MultiPartParser
from datasets import services
from datasets.api.serializers import (
    DatasetUploadRequestSerializer,
    DatasetVersionSerializer,
    DatasetVersionSummarySerializer,
)
from datasets.formats import ReadOptions
from datasets.models import Dataset, DatasetVersion, Use, VersionStatus
from datasets.selectors import (
    datasets_visible_to,
    may_use,
    versions_visible_to,
)
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer


class DatasetVersionFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of versions can be narrowed by."""

    status = filters.MultipleChoiceFilter(choices=VersionStatus.choices)
    sha256 = filters.CharFilter()

    class Meta:
        model = DatasetVersion
        fields: ClassVar[list[str]] = ["status", "sha256"]


_DATASET_ID = OpenApiParameter(
    "dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset."
)


@extend_schema_view(get=extend_schema(parameters=[_DATASET_ID]))
class DatasetVersionsView(
    ProjectScopedMixin, mixins.ListModelMixin, GenericAPIView[DatasetVersion]
):
    """The versions of one dataset."""

    queryset = DatasetVersion.objects.all()
    serializer_class = DatasetVersionSummarySerializer
    filterset_class = DatasetVersionFilter
    ordering_fields: ClassVar[list[str]] = ["number", "created_at"]
    parser_classes = (MultiPartParser,)

    def get_queryset(self) -> QuerySet[DatasetVersion]:
        if getattr(self, "swagger_fake_view", False):
            return DatasetVersion.objects.none()
        dataset = get_object_or_404(
            datasets_visible_to(self.principal), pk=self.kwargs["dataset_id"]
        )
        versions = DatasetVersion.objects.filter(dataset=dataset).select_related("created_by")
        return versions.order_by("-number")

    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the versions, newest first."""
        return self.list(request)

    @extend_schema(
        parameters=[
            _DATASET_ID,
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Sent again with the same file, gives the job of the first time.",
            ),
        ],
        request={"multipart/form-data": DatasetUploadRequestSerializer},
        responses={202: AcceptedJobSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Upload a file; a job makes the next version from it."""
        dataset = get_object_or_404(
            Dataset, pk=self.kwargs["dataset_id"], project_id=self.principal.project_id
        )
        wanted = DatasetUploadRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        file = wanted.validated_data["file"]
        job = services.upload_version(
            principal=self.principal,
            dataset=dataset,
            file=file,
            filename=file.name,
            mode=wanted.validated_data["mode"],
            options=ReadOptions.from_dict(wanted.validated_data),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return accepted(job)


class DatasetVersionViewSet(
    ProjectScopedMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[DatasetVersion]
):
    """Pinned states of datasets."""

    queryset = DatasetVersion.objects.all()
    serializer_class = DatasetVersionSerializer

    def get_queryset(self) -> QuerySet[DatasetVersion]:
        if getattr(self, "swagger_fake_view", False):
            return DatasetVersion.objects.none()
        return versions_visible_to(self.principal).select_related("created_by", "dataset")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a version; without its profile, which shows values, where rows may not be looked at."""
        version = self.get_object()
        if not may_use(self.principal.project_id, version.dataset, Use.READ):
            version.profile = {}
        return Response(DatasetVersionSerializer(version).data)

    @extend_schema(request=None, responses=DatasetVersionSummarySerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, **kwargs: Any) -> Response:
        """Put a version aside; it stays readable."""
        version = services.archive_version(principal=self.principal, version=self.get_object())
        return Response(DatasetVersionSummarySerializer(version).data)

    @extend_schema(request=None, responses=DatasetVersionSummarySerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **kwargs: Any) -> Response:
        """Bring an archived version back."""
        version = services.restore_version(principal=self.principal, version=self.get_object())
        return Response(DatasetVersionSummarySerializer(version).data)
