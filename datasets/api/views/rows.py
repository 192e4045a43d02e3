"""The API of rows: pages, downloads, versions of the past."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from datasets import services
from datasets.api.serializers import (
    DatasetDownloadRequestSerializer,
    DatasetRowsRequestSerializer,
    DatasetRowsSerializer,
    DatasetVersionAtRequestSerializer,
    DatasetVersionSerializer,
)
from datasets.errors import BadRowQuery
from datasets.exploration import page_rows
from datasets.exploration.parameters import row_query_of
from datasets.exploration.sending import streamed
from datasets.models import DatasetVersion, Use
from datasets.querying.values import moment
from datasets.schema import Schema
from datasets.selectors import (
    datasets_visible_to,
    require_use,
    version_at,
    version_numbered,
    versions_visible_to,
)


class _AnyType(BaseContentNegotiation):
    """Whatever the caller accepts, a file is sent; refusals are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class _VersionView(ProjectScopedMixin, GenericAPIView[DatasetVersion]):
    """One version that the caller may know of."""

    queryset = DatasetVersion.objects.all()
    pagination_class = None
    filter_backends = ()

    def version(self, use: Use) -> DatasetVersion:
        """Return the version that the address names, if the caller may use its rows in this way."""
        visible = versions_visible_to(self.principal).select_related("dataset__project")
        found: DatasetVersion = get_object_or_404(visible, pk=self.kwargs["pk"])
        require_use(self.principal, found.dataset, use)
        return found


class DatasetVersionRowsView(_VersionView):
    """The rows of a version."""

    @extend_schema(parameters=[DatasetRowsRequestSerializer], responses=DatasetRowsSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return a stretch of the rows that pass the filters, in the order asked for."""
        wanted = DatasetRowsRequestSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        version = self.version(Use.READ)
        query = row_query_of(request.query_params, Schema.from_dict(version.schema))
        page = page_rows(
            version,
            query,
            offset=wanted.validated_data["offset"],
            limit=wanted.validated_data["limit"],
        )
        body: dict[str, Any] = {
            "offset": page.offset,
            "row_count": version.row_count,
            "columns": page.columns,
            "rows": page.rows,
        }
        if query.filters:
            body["matching_count"] = page.matching
        return Response(DatasetRowsSerializer(body).data)


class DatasetVersionDownloadView(_VersionView):
    """A version as a file."""

    content_negotiation_class = _AnyType

    @extend_schema(
        parameters=[DatasetDownloadRequestSerializer],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="The rows."),
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """Download the rows that pass the filters as CSV or Parquet, made while it is sent.

        In CSV, text that a spreadsheet takes for a formula (a leading =, +, -, @, tab, line feed or
        carriage return) gets an apostrophe in front, unless an editor asks for it ``raw``.
        """
        wanted = DatasetDownloadRequestSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        version = self.version(Use.DOWNLOAD)
        return streamed(
            services.download_version(
                principal=self.principal,
                version=version,
                query=row_query_of(request.query_params, Schema.from_dict(version.schema)),
                file_type=wanted.validated_data["type"],
                is_raw=wanted.validated_data["raw"],
            )
        )


class DatasetVersionAtView(ProjectScopedMixin, GenericAPIView[DatasetVersion]):
    """A version of the past."""

    queryset = DatasetVersion.objects.all()
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "dataset_id", OpenApiTypes.INT, OpenApiParameter.PATH, description="The dataset."
            ),
            DatasetVersionAtRequestSerializer,
        ],
        responses=DatasetVersionSerializer,
    )
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the version with a number, or the newest that was ready at a moment."""
        dataset = get_object_or_404(
            datasets_visible_to(self.principal, Use.READ), pk=self.kwargs["dataset_id"]
        )
        wanted = DatasetVersionAtRequestSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        if "number" in wanted.validated_data:
            version = version_numbered(dataset, wanted.validated_data["number"])
        else:
            try:
                at = moment(wanted.validated_data["time"])
            except ValueError as error:
                raise BadRowQuery(f"time: {error}.", field="time") from None
            version = version_at(dataset, at)
        return Response(DatasetVersionSerializer(version).data)
