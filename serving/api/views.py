"""The API of serving."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import principal_of_request
from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import NotFound
from models_registry.models import RegisteredModel
from serving import services
from serving.api.serializers import (
    DeploymentSerializer,
    EndpointChangeSerializer,
    EndpointRequestSerializer,
    EndpointSerializer,
    RollbackRequestSerializer,
)
from serving.lineage import prediction_lineage
from serving.models import Endpoint
from serving.selectors.deployments import with_active_deployments


class EndpointViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Endpoint],
):
    """Stable names that applications ask for predictions."""

    queryset = Endpoint.objects.all()
    serializer_class = EndpointSerializer
    lookup_field = "name"
    lookup_value_regex = "[^/]+"
    filterset_fields: ClassVar[list[str]] = ["status", "model"]
    ordering_fields: ClassVar[list[str]] = ["name", "created_at"]
    required_permissions: ClassVar[dict[str, Permission]] = {
        "create": Permission.DEPLOY,
        "partial_update": Permission.DEPLOY,
        "stop": Permission.DEPLOY,
        "start": Permission.DEPLOY,
        "rollback": Permission.DEPLOY,
    }

    def get_queryset(self) -> QuerySet[Endpoint]:
        return with_active_deployments(super().get_queryset())

    @extend_schema(request=EndpointRequestSerializer, responses={201: EndpointSerializer})
    def create(self, request: Request) -> Response:
        """Make an endpoint that serves a model's champion."""
        wanted = EndpointRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        model = self._model(values.pop("model"))
        made = services.create_endpoint(principal=self.principal, model=model, **values)
        return self._shown(made, status=201)

    @extend_schema(request=EndpointChangeSerializer, responses=EndpointSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change what an endpoint says, whom it answers, and what its log keeps: all of it, or nothing."""
        endpoint = self.get_object()
        wanted = EndpointChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        thresholds = [values.pop("decision_threshold")] if "decision_threshold" in values else []
        log = {name: values.pop(name) for name in list(values) if name.startswith("log_")}
        with transaction.atomic():
            changed = services.change_endpoint(
                principal=self.principal, endpoint=endpoint, **values
            )
            for threshold in thresholds:
                changed = services.set_decision_threshold(
                    principal=self.principal, endpoint=changed, threshold=threshold
                )
            if log:
                changed = services.change_log_policy(
                    principal=self.principal, endpoint=changed, **log
                )
        return self._shown(changed)

    @extend_schema(request=None, responses=EndpointSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, **kwargs: Any) -> Response:
        """Refuse predictions from now on."""
        endpoint = self.get_object()
        return self._shown(services.stop_endpoint(principal=self.principal, endpoint=endpoint))

    @extend_schema(request=None, responses=EndpointSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, **kwargs: Any) -> Response:
        """Answer predictions again."""
        endpoint = self.get_object()
        return self._shown(services.start_endpoint(principal=self.principal, endpoint=endpoint))

    @extend_schema(request=RollbackRequestSerializer, responses=EndpointSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, **kwargs: Any) -> Response:
        """Serve the previous champion again."""
        endpoint = self.get_object()
        wanted = RollbackRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.roll_back_endpoint(
            principal=self.principal, endpoint=endpoint, **wanted.validated_data
        )
        return self._shown(endpoint)

    @extend_schema(responses=DeploymentSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_fields=None)
    def deployments(self, request: Request, **kwargs: Any) -> Response:
        """Return all deployments of the endpoint, the newest first."""
        found = self.get_object().deployments.select_related("model_version__model", "started_by")
        page = self.paginator.paginate_queryset(found, request, view=self)  # type: ignore[union-attr]
        return self.get_paginated_response(DeploymentSerializer(page, many=True).data)

    def _model(self, named: str) -> RegisteredModel:
        models = RegisteredModel.objects.filter(project_id=self.principal.project_id)
        found = models.filter(name=named).first()
        if found is None and named.isdecimal() and len(named) < 19:
            found = models.filter(pk=int(named)).first()
        if found is None:
            raise NotFound(f"There is no model '{named}'.", field="model")
        return found

    def _shown(self, endpoint: Endpoint, *, status: int = 200) -> Response:
        fresh = self.get_queryset().get(pk=endpoint.pk)
        return Response(EndpointSerializer(fresh).data, status=status)


class PredictionLineageView(APIView):
    """Where an answer comes from."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """Return deployment, model version, gates, run, dataset version and who promoted it."""
        principal = principal_of_request(request)
        found = prediction_lineage(project_id=principal.project_id, prediction_id=prediction_id)
        return Response(found)
