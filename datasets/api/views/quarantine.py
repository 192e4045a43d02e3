"""The API of the rows that were put aside when a version was ingested."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from datasets import lake
from datasets.api.serializers.quarantine import QuarantineRequestSerializer, QuarantineSerializer
from datasets.models import DatasetVersion, Use
from datasets.selectors import require_use, versions_visible_to

_VERSION_ID = OpenApiParameter(
    "version_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset version."
)


class VersionQuarantineView(ProjectScopedMixin, GenericAPIView[Any]):
    """The rows of a version's file that could not be read."""

    queryset = DatasetVersion.objects.select_related("dataset")
    project_lookup = "dataset__project"
    serializer_class = QuarantineSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[_VERSION_ID, QuarantineRequestSerializer], responses=QuarantineSerializer
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """List rows that were put aside, each with its number in the file and the reason."""
        wanted = QuarantineRequestSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        version = get_object_or_404(
            versions_visible_to(self.principal).select_related("dataset"),
            pk=self.kwargs["version_id"],
        )
        require_use(self.principal, version.dataset, Use.READ)
        found = lake.quarantined(version, **wanted.validated_data)
        return Response(
            QuarantineSerializer(
                {
                    "offset": wanted.validated_data["offset"],
                    "quarantined_rows": version.quarantined_rows,
                    "rows": found.to_pylist(),
                }
            ).data
        )
