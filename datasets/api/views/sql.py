"""The API of SQL."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from datasets import services
from datasets.api.serializers import SqlRequestSerializer, SqlResultSerializer, SqlTableSerializer
from datasets.models import Dataset, DatasetVersion, Use
from datasets.selectors import datasets_visible_to, datasets_with_counts, sql_name


class SqlView(ProjectScopedMixin, GenericAPIView[Dataset]):
    """Statements over dataset versions."""

    queryset = Dataset.objects.all()
    serializer_class = SqlRequestSerializer
    pagination_class = None
    filter_backends = ()
    required_permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.VIEW}

    @extend_schema(request=SqlRequestSerializer, responses=SqlResultSerializer)
    def post(self, request: Request) -> Response:
        """Run one statement that reads; limited in time, memory and rows.

        Refusals name ``position`` (characters from 0), ``line`` and ``column`` (from 1) where they are known.
        """
        wanted = SqlRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        result = services.run_sql(
            principal=self.principal,
            query=wanted.validated_data["query"],
            limit=wanted.validated_data.get("limit"),
        )
        return Response(SqlResultSerializer(result).data)


class SqlTablesView(ProjectScopedMixin, GenericAPIView[Dataset]):
    """What a statement can name."""

    queryset = Dataset.objects.all()
    serializer_class = SqlTableSerializer
    filter_backends = ()

    @extend_schema(responses=SqlTableSerializer(many=True))
    def get(self, request: Request, **kwargs: Any) -> Response:
        """List the datasets with a ready version, one's own and shared ones, by name."""
        datasets = (
            datasets_with_counts(datasets_visible_to(self.principal, Use.READ))
            .filter(Exists(DatasetVersion.objects.filter(dataset=OuterRef("pk"), status="ready")))
            .select_related("project")
            .order_by("name", "pk")
        )
        page: list[Any] = list(self.paginate_queryset(datasets) or ())
        tables = [
            {
                "name": sql_name(one, self.principal.project_id),
                "dataset": one.pk,
                "version": one.latest_version_number,
                "row_count": one.latest_row_count,
            }
            for one in page
        ]
        return self.get_paginated_response(SqlTableSerializer(tables, many=True).data)
