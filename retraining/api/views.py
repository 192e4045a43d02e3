"""The API of retraining: policies, a retraining by hand, decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import NotFound
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from retraining import selectors, services
from retraining.api.serializers import (
    RetrainDecisionSerializer,
    RetrainDecisionSummarySerializer,
    RetrainPolicyChangeSerializer,
    RetrainPolicyRequestSerializer,
    RetrainPolicySerializer,
)
from retraining.models import RetrainDecision, RetrainPolicy
from serving.models import Endpoint

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key gives the job of the first time.",
)


class RetrainPolicyViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[RetrainPolicy],
):
    """When and how endpoints' models are trained again."""

    queryset = selectors.policies().order_by("id")
    serializer_class = RetrainPolicySerializer
    project_lookup = "endpoint__project"
    required_permissions: ClassVar[dict[str, Permission]] = {
        "create": Permission.DEPLOY,
        "partial_update": Permission.DEPLOY,
        "destroy": Permission.DEPLOY,
        "retrain": Permission.DEPLOY,
    }
    filterset_fields: ClassVar[dict[str, list[str]]] = {
        "endpoint__name": ["exact"],
        "enabled": ["exact"],
    }

    @extend_schema(request=RetrainPolicyRequestSerializer, responses={201: RetrainPolicySerializer})
    def create(self, request: Request) -> Response:
        """Give an endpoint a retrain policy."""
        wanted = RetrainPolicyRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        name, schedule = values.pop("endpoint"), values.pop("schedule", None)
        endpoint = Endpoint.objects.filter(project_id=self.principal.project_id, name=name).first()
        if endpoint is None:
            raise NotFound(f"There is no endpoint '{name}'.", field="endpoint")
        policy = services.create_policy(
            principal=self.principal,
            endpoint=endpoint,
            terms=services.PolicyTerms(**values),
            schedule=schedule,
        )
        return Response(RetrainPolicySerializer(policy).data, status=201)

    @extend_schema(request=RetrainPolicyChangeSerializer, responses=RetrainPolicySerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change some of a policy's terms."""
        policy = self.get_object()
        wanted = RetrainPolicyChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        schedule = values.pop("schedule", services.UNCHANGED)
        changed = services.change_policy(
            principal=self.principal,
            policy=policy,
            terms=replace(services.terms_of(policy), **values),
            schedule=schedule,
        )
        return Response(RetrainPolicySerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a policy that has led to no decision yet."""
        services.delete_policy(principal=self.principal, policy=self.get_object())
        return Response(status=204)

    @extend_schema(
        request=None, responses={202: AcceptedJobSerializer}, parameters=[IDEMPOTENCY_KEY]
    )
    @action(detail=True, methods=["post"])
    def retrain(self, request: Request, **kwargs: Any) -> Response:
        """Train a challenger now and let it meet the champion."""
        job = services.retrain_now(
            principal=self.principal,
            policy=self.get_object(),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        return accepted(job)


class RetrainDecisionViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[RetrainDecision],
):
    """What came of retrainings, with the evidence."""

    queryset = selectors.decisions()
    serializer_class = RetrainDecisionSerializer
    project_lookup = "policy__endpoint__project"
    filterset_fields: ClassVar[dict[str, list[str]]] = {
        "policy": ["exact"],
        "policy__endpoint__name": ["exact"],
        "verdict": ["exact"],
        "trigger": ["exact"],
    }

    @extend_schema(responses=RetrainDecisionSummarySerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the decisions, newest first, without their evidence."""
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[RetrainDecision]:
        queryset: QuerySet[RetrainDecision] = super().get_queryset()
        return queryset.defer("evidence") if self.action == "list" else queryset

    def get_serializer_class(self) -> type[RetrainDecisionSummarySerializer]:
        if self.action == "list":
            return RetrainDecisionSummarySerializer
        return RetrainDecisionSerializer
