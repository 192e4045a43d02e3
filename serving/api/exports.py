"""The API of exports: a model version as files."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from models_registry.models import ModelVersion
from serving import services
from serving.archives import archive_response
from serving.models import ModelExport
from serving.selectors.exports import archive_of, with_related

_VERSION_ID = OpenApiParameter(
    "version_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The model version."
)


class ModelExportSerializer(serializers.ModelSerializer[ModelExport]):
    """An archive of a model version, and what its smoke test found."""

    model = serializers.CharField(source="model_version.model.name", read_only=True)
    model_version_number = serializers.IntegerField(source="model_version.number", read_only=True)
    progress = serializers.FloatField(
        source="job.progress", read_only=True, allow_null=True, default=None
    )
    smoke_test = serializers.DictField(
        read_only=True, help_text="'passed', 'problems', and the figures that were measured."
    )
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ModelExport
        fields: ClassVar[list[str]] = [
            *("id", "model_version", "model", "model_version_number", "kind", "server"),
            *("status", "digest", "size_bytes", "smoke_test", "job", "progress"),
            *("created_by", "created_at"),
        ]
        read_only_fields = fields


class ModelExportRequestSerializer(serializers.Serializer[Any]):
    """In which form."""

    kind = serializers.ChoiceField(
        choices=ModelExport.Kind.choices,
        default=ModelExport.Kind.BUNDLE,
        help_text="A folder with a server, or an ONNX model for phones.",
    )
    server = serializers.ChoiceField(
        choices=ModelExport.Server.choices,
        required=False,
        allow_blank=True,
        default="",
        help_text="The framework of a bundle's server; Flask when it is left out.",
    )


class _OfVersion(ProjectScopedMixin, GenericAPIView[ModelExport]):
    queryset = with_related(ModelExport.objects.all())
    serializer_class = ModelExportSerializer

    def get_queryset(self) -> QuerySet[ModelExport]:
        found: QuerySet[ModelExport] = super().get_queryset()
        return found.filter(model_version=self.kwargs.get("version_id"))


class ModelVersionExportsView(mixins.ListModelMixin, _OfVersion):
    """Archives of one model version."""

    filterset_fields: ClassVar[list[str]] = ["kind", "server", "status"]
    ordering_fields: ClassVar[list[str]] = ["created_at"]

    @extend_schema(parameters=[_VERSION_ID])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the exports of a version, the newest first."""
        self._version()
        return self.list(request)

    @extend_schema(
        request=ModelExportRequestSerializer,
        responses={202: AcceptedJobSerializer},
        parameters=[
            _VERSION_ID,
            OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER),
        ],
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Make an archive and try it; a job does it, and its result names the export."""
        version = self._version()
        wanted = ModelExportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        export = services.export_model_version(
            principal=self.principal,
            model_version=version,
            idempotency_key=request.headers.get("Idempotency-Key"),
            **wanted.validated_data,
        )
        assert export.job is not None
        return accepted(export.job)

    def _version(self) -> ModelVersion:
        return get_object_or_404(
            ModelVersion.objects.select_related("model"),
            pk=self.kwargs["version_id"],
            model__project_id=self.principal.project_id,
        )


class ModelVersionExportView(mixins.RetrieveModelMixin, _OfVersion):
    """One archive."""

    @extend_schema(parameters=[_VERSION_ID])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return an export with what its smoke test found."""
        return self.retrieve(request)

    @extend_schema(
        parameters=[_VERSION_ID],
        responses={204: None, 409: OpenApiResponse(description="A job is making it.")},
    )
    def delete(self, request: Request, **kwargs: Any) -> Response:
        """Delete an export; its archive goes, too, unless something else has the same bytes."""
        services.delete_export(principal=self.principal, export=self.get_object())
        return Response(status=204)


class ExportDownloadView(_OfVersion):
    """The bytes of an archive."""

    @extend_schema(
        parameters=[_VERSION_ID],
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            409: OpenApiResponse(description="There is no archive (yet)."),
        },
    )
    def get(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Download the archive; its digest, which was checked, is the ETag."""
        return archive_response(archive_of(self.get_object()))
