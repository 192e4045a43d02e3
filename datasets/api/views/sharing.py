"""The API of grants: what one's datasets are shared with, and what is shared with oneself."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from datasets import services
from datasets.api.serializers import DatasetGrantRequestSerializer, DatasetGrantSerializer
from datasets.models import Dataset, DatasetGrant, GrantLevel
from datasets.selectors import grants_in_force


class DatasetGrantFilter(filters.FilterSet):  # type: ignore[misc]
    """What a list of grants can be narrowed by."""

    level = filters.MultipleChoiceFilter(choices=GrantLevel.choices)
    in_force = filters.BooleanFilter(method="only_in_force")

    class Meta:
        model = DatasetGrant
        fields: ClassVar[list[str]] = ["dataset", "level", "in_force"]

    def only_in_force(
        self, queryset: QuerySet[DatasetGrant], name: str, value: bool
    ) -> QuerySet[DatasetGrant]:
        living = grants_in_force().order_by().values("pk")
        return queryset.filter(pk__in=living) if value else queryset.exclude(pk__in=living)


class DatasetGrantViewSet(
    ProjectScopedMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[DatasetGrant],
):
    """Grants that the project has given or been given."""

    queryset = DatasetGrant.objects.all()
    serializer_class = DatasetGrantSerializer
    filterset_class = DatasetGrantFilter
    ordering_fields: ClassVar[list[str]] = ["granted_at", "expires_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "create": Permission.ADMIN,
        "revoke": Permission.ADMIN,
    }

    def get_queryset(self) -> QuerySet[DatasetGrant]:
        if getattr(self, "swagger_fake_view", False):
            return DatasetGrant.objects.none()
        mine = self.principal.project_id
        return DatasetGrant.objects.filter(
            Q(dataset__project_id=mine) | Q(project_id=mine)
        ).select_related("dataset__project", "project", "granted_by")

    @extend_schema(request=DatasetGrantRequestSerializer, responses={201: DatasetGrantSerializer})
    def create(self, request: Request) -> Response:
        """Let another project use a dataset; its former grant ends."""
        wanted = DatasetGrantRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        dataset = get_object_or_404(
            Dataset, pk=values.pop("dataset"), project_id=self.principal.project_id
        )
        grant = services.grant_dataset(principal=self.principal, dataset=dataset, **values)
        return Response(DatasetGrantSerializer(grant).data, status=201)

    @extend_schema(request=None, responses=DatasetGrantSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, **kwargs: Any) -> Response:
        """Take a grant back, at once."""
        grant = services.revoke_grant(principal=self.principal, grant=self.get_object())
        return Response(DatasetGrantSerializer(grant).data)
