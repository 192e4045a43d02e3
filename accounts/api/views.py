"""The API of accounts: projects, members, tokens and the audit trail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services
from accounts.api.scoping import ProjectScopedMixin
from accounts.api.serializers import (
    ApiTokenRequestSerializer,
    ApiTokenSerializer,
    AuditEventSerializer,
    MembershipRequestSerializer,
    MembershipSerializer,
    NewApiTokenSerializer,
    ProjectSerializer,
)
from accounts.models import ApiToken, AuditEvent, Membership, Project, Role
from accounts.policy import Permission
from core.errors import Forbidden, Invalid


class ProjectViewSet(ProjectScopedMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Project]):
    """The caller's project."""

    queryset = Project.objects.all()
    serializer_class = ProjectSerializer

    def get_queryset(self) -> QuerySet[Project]:
        if getattr(self, "swagger_fake_view", False):
            return Project.objects.none()
        return Project.objects.filter(pk=self.principal.project_id)


class MembershipViewSet(
    ProjectScopedMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Membership]
):
    """The members of the caller's project."""

    queryset = Membership.objects.select_related("user")
    serializer_class = MembershipSerializer
    required_permissions: ClassVar[dict[str, Permission]] = {"create": Permission.ADMIN}

    @extend_schema(request=MembershipRequestSerializer, responses={204: None})
    def create(self, request: Request) -> Response:
        """Give a user a role, or take the membership away."""
        wanted = MembershipRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user = User.objects.filter(username=wanted.validated_data["username"]).first()
        if user is None:
            raise Invalid("There is no user of this name.", field="username")
        role = wanted.validated_data["role"]
        services.set_membership(
            principal=self.principal, user=user, role=Role(role) if role else None
        )
        return Response(status=204)


class ApiTokenViewSet(ProjectScopedMixin, mixins.ListModelMixin, viewsets.GenericViewSet[ApiToken]):
    """The caller's tokens; administrators see all tokens of the project."""

    queryset = ApiToken.objects.select_related("user")
    serializer_class = ApiTokenSerializer
    required_permissions: ClassVar[dict[str, Permission]] = {
        "create": Permission.ADMIN,
        "revoke": Permission.VIEW,
    }

    def get_queryset(self) -> QuerySet[ApiToken]:
        tokens: QuerySet[ApiToken] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False) or self.principal.may(Permission.ADMIN):
            return tokens
        owner = self.principal.user_id
        return tokens.none() if owner is None else tokens.filter(user_id=owner)

    @extend_schema(request=ApiTokenRequestSerializer, responses={201: NewApiTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token for the caller; the answer is the only place that shows it."""
        wanted = ApiTokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if self.principal.user_id is None:
            raise Forbidden("Only a user can own a token.")
        token, secret = services.create_token(
            user=User.objects.get(pk=self.principal.user_id),
            project=Project.objects.get(pk=self.principal.project_id),
            principal=self.principal,
            **wanted.validated_data,
        )
        return Response({**ApiTokenSerializer(token).data, "token": secret}, status=201)

    @extend_schema(request=None, responses=ApiTokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, **kwargs: Any) -> Response:
        """Make a token useless from now on."""
        token = services.revoke_token(principal=self.principal, token=self.get_object())
        return Response(ApiTokenSerializer(token).data)


class AuditEventViewSet(
    ProjectScopedMixin, mixins.ListModelMixin, viewsets.GenericViewSet[AuditEvent]
):
    """The audit trail of the caller's project."""

    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventSerializer
    required_permissions: ClassVar[dict[str, Permission]] = {"list": Permission.ADMIN}
    filterset_fields: ClassVar[list[str]] = ["action", "target_type", "target_id"]
