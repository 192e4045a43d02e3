"""The API of deep profiles."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from core.errors import NotFound
from datasets import services
from datasets.api.serializers.profiles import (
    VersionProfileRequestSerializer,
    VersionProfileSerializer,
)
from datasets.models import DatasetVersion, Use, VersionProfile
from datasets.selectors import require_use, versions_visible_to
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer

_VERSION_ID = OpenApiParameter(
    "version_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset version."
)


class VersionProfileView(ProjectScopedMixin, GenericAPIView[Any]):
    """The deep profile of one version."""

    queryset = DatasetVersion.objects.select_related("dataset")
    project_lookup = "dataset__project"
    serializer_class = VersionProfileSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[_VERSION_ID], responses=VersionProfileSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the latest measurement; 404 when none was asked for."""
        profile = VersionProfile.objects.filter(version=self._version()).first()
        if profile is None:
            raise NotFound("The version has no profile yet. POST here to ask for one.")
        return Response(VersionProfileSerializer(profile).data)

    @extend_schema(
        parameters=[_VERSION_ID],
        request=VersionProfileRequestSerializer,
        responses={202: AcceptedJobSerializer},
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Ask for the version to be measured (again)."""
        wanted = VersionProfileRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        job = services.profile_version(
            principal=self.principal,
            version=self._version(),
            target=wanted.validated_data.get("target"),
        )
        return accepted(job)

    def _version(self) -> DatasetVersion:
        visible = versions_visible_to(self.principal).select_related("dataset")
        version = get_object_or_404(visible, pk=self.kwargs["version_id"])
        require_use(self.principal, version.dataset, Use.READ)
        return version
