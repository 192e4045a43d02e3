"""The API of monitoring."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import principal_of_request
from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from jobs.api.responses import accepted
from jobs.api.serializers import AcceptedJobSerializer
from monitoring import execution, services
from monitoring.api.serializers import (
    AlertSerializer,
    DriftReportDetailSerializer,
    DriftReportRequestSerializer,
    DriftReportSerializer,
    GroundTruthRequestSerializer,
    GroundTruthResponseSerializer,
    MonitoringPolicySerializer,
)
from monitoring.models import Alert, DriftReport
from monitoring.selectors import drift_reports
from monitoring.services import Label
from serving.models import Endpoint


def _endpoint(request: Request, name: str) -> Endpoint:
    project_id = principal_of_request(request).project_id
    return get_object_or_404(
        Endpoint.objects.select_related("project"), name=name, project_id=project_id
    )


class GroundTruthView(APIView):
    """What really happened."""

    @extend_schema(
        request=GroundTruthRequestSerializer, responses={200: GroundTruthResponseSerializer}
    )
    def post(self, request: Request) -> Response:
        """Record labels by prediction id; those that cannot be taken are listed with the reason."""
        wanted = GroundTruthRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        outcome = services.record_ground_truth(
            principal=principal_of_request(request),
            labels=[Label(**label) for label in wanted.validated_data["labels"]],
        )
        return Response(GroundTruthResponseSerializer(outcome).data)


class EndpointDriftReportsView(APIView):
    """The reports of one endpoint."""

    @extend_schema(
        request=DriftReportRequestSerializer,
        responses={202: AcceptedJobSerializer},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request, name: str) -> Response:
        """Compare a window of the endpoint's traffic with the training reference."""
        wanted = DriftReportRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        job = services.request_drift_report(
            principal=principal_of_request(request),
            endpoint=_endpoint(request, name),
            idempotency_key=request.headers.get("Idempotency-Key"),
            **wanted.validated_data,
        )
        return accepted(job)


class MonitoringPolicyView(APIView):
    """When drift of an endpoint is worth an alarm."""

    required_permissions: ClassVar[dict[str, Permission]] = {"PATCH": Permission.DEPLOY}

    @extend_schema(responses=MonitoringPolicySerializer)
    def get(self, request: Request, name: str) -> Response:
        """Return the policy."""
        policy = execution.policy_of(_endpoint(request, name))
        return Response(MonitoringPolicySerializer(policy).data)

    @extend_schema(request=MonitoringPolicySerializer, responses=MonitoringPolicySerializer)
    def patch(self, request: Request, name: str) -> Response:
        """Change the policy; later reports are judged by it."""
        policy = execution.policy_of(_endpoint(request, name))
        wanted = MonitoringPolicySerializer(policy, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        changed = services.change_policy(
            principal=principal_of_request(request), policy=policy, **wanted.validated_data
        )
        return Response(MonitoringPolicySerializer(changed).data)


class DriftReportViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[DriftReport],
):
    """Windows of traffic compared with the training reference."""

    project_lookup = "endpoint__project"
    queryset = drift_reports()
    serializer_class = DriftReportSerializer
    filterset_fields: ClassVar[list[str]] = ["endpoint__name", "model_version", "verdict"]
    ordering_fields: ClassVar[list[str]] = ["created_at", "window_end"]

    @extend_schema(responses=DriftReportDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a report with all of its columns."""
        return Response(DriftReportDetailSerializer(self.get_object()).data)


class AlertViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Alert],
):
    """Incidents that a person should know of."""

    queryset = Alert.objects.select_related("endpoint", "acknowledged_by")
    serializer_class = AlertSerializer
    filterset_fields: ClassVar[list[str]] = ["status", "kind", "endpoint__name"]
    ordering_fields: ClassVar[list[str]] = ["opened_at", "last_seen_at"]

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Say that somebody looks after it."""
        return self._shown(services.acknowledge_alert)

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, **kwargs: Any) -> Response:
        """Say that it is over."""
        return self._shown(services.resolve_alert)

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def suppress(self, request: Request, **kwargs: Any) -> Response:
        """Count further occurrences, but do not call for anybody."""
        return self._shown(services.suppress_alert)

    @extend_schema(request=None, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, **kwargs: Any) -> Response:
        """Call for somebody again."""
        return self._shown(services.reopen_alert)

    def _shown(self, move: Any) -> Response:
        return Response(
            AlertSerializer(move(principal=self.principal, alert=self.get_object())).data
        )
