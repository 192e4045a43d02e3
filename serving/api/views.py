"""The API of serving."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import ProjectSessionAuthentication, principal_of_request
from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import NotFound, Unsupported
from core.logs import request_id
from models_registry.models import RegisteredModel
from serving import prediction, services
from serving.admission import ENTITY_KEY, MODEL_ALIAS, MODEL_VERSION, addressed, admit_principal
from serving.api.authentication import RememberedTokenAuthentication
from serving.api.serializers import (
    DeploymentSerializer,
    EndpointChangeSerializer,
    EndpointRequestSerializer,
    EndpointSerializer,
    PredictionRequestSerializer,
    PredictionResponseSerializer,
    RollbackRequestSerializer,
)
from serving.lineage import prediction_lineage
from serving.models import Endpoint
from serving.protocols import NATIVE, Address, Envelope
from serving.routing import routing
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


class PredictView(APIView):
    """Predictions, for what the fast lane leaves to Django (sessions, unusual headers)."""

    authentication_classes = (RememberedTokenAuthentication, ProjectSessionAuthentication)
    required_permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.PREDICT}

    @extend_schema(
        auth=[{"bearerAuth": []}, {"sessionAuth": []}],  # type: ignore[list-item]
        request=PredictionRequestSerializer,
        responses={200: PredictionResponseSerializer},
        parameters=[
            OpenApiParameter(
                ENTITY_KEY, str, OpenApiParameter.HEADER, description="Whom it is about."
            ),
            OpenApiParameter(
                MODEL_VERSION, int, OpenApiParameter.HEADER, description="Who answers."
            ),
            OpenApiParameter(MODEL_ALIAS, str, OpenApiParameter.HEADER, description="Who answers."),
        ],
    )
    def post(self, request: Request, name: str) -> HttpResponse:
        """Answer instances; each answer is logged before it leaves."""
        if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType(request.content_type or "none")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unsupported("Send the body as it is, without a Content-Encoding.", field="body")
        if int(request.headers.get("Content-Length") or 0) > settings.PREDICT_MAX_BODY_BYTES:
            raise prediction.body_too_large()
        principal = principal_of_request(request)
        state = routing()
        headers = request.headers
        address = addressed(
            Address(NATIVE, None, name), headers.get(MODEL_VERSION), headers.get(MODEL_ALIAS)
        )
        made = prediction.respond(
            lambda: Envelope(request.body, "application/json"),
            codec=NATIVE,
            admitted=admit_principal(state, principal, name, address, headers.get(ENTITY_KEY, "")),
            state=state,
            request_id=request_id.get(),
        )
        return HttpResponse(
            made.body,
            status=made.status,
            content_type=made.content_type,
            headers=dict(made.headers),
        )


class PredictionLineageView(APIView):
    """Where an answer comes from."""

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """Return deployment, model version, gates, run, dataset version and who promoted it."""
        principal = principal_of_request(request)
        found = prediction_lineage(project_id=principal.project_id, prediction_id=prediction_id)
        return Response(found)
