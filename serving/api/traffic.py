"""The API of an endpoint's traffic: canaries and shadows, the stop button, the live picture."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.clock import now
from serving import services
from serving.api.finding import version_of_endpoint
from serving.api.serializers import DeploymentSerializer, EndpointSerializer
from serving.models import Deployment, Endpoint
from serving.routing.statistics import BUCKET_SECONDS
from serving.selectors.deployments import with_active_deployments
from serving.selectors.traffic import live_picture


class DeploymentRequestSerializer(serializers.Serializer[Any]):
    """A version that shall work beside the champion."""

    version = serializers.IntegerField(
        min_value=1, help_text="Number of the version of the endpoint's model."
    )
    role = serializers.ChoiceField(choices=["canary", "shadow"])
    weight = serializers.FloatField(
        min_value=0.0, max_value=1.0, required=False, default=0.0, help_text="A canary's share."
    )
    group = serializers.CharField(max_length=64, required=False, default="", allow_blank=True)
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class WeightSerializer(serializers.Serializer[Any]):
    """Another share of the traffic."""

    weight = serializers.FloatField(min_value=0.0, max_value=1.0)


class FallBackSerializer(serializers.Serializer[Any]):
    """What answers from now on; the endpoint's settings where nothing is said."""

    fallback = serializers.ChoiceField(choices=Endpoint.Fallback.choices, required=False)
    value = serializers.JSONField(required=False, help_text="A class of the model, or a number.")
    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class VersionTrafficSerializer(serializers.Serializer[Any]):
    """One deployment's traffic in the window; latencies in seconds."""

    deployment = serializers.IntegerField(source="deployment.pk")
    version = serializers.IntegerField(source="deployment.model_version.number")
    role = serializers.CharField(source="deployment.role")
    group = serializers.CharField(source="deployment.group")
    weight = serializers.FloatField(source="deployment.weight")
    requests = serializers.IntegerField()
    failed = serializers.IntegerField(source="errors")
    refused = serializers.IntegerField()
    rows = serializers.IntegerField()
    dropped = serializers.IntegerField()
    error_rate = serializers.FloatField()
    share = serializers.FloatField(allow_null=True)
    per_minute = serializers.ListField(child=serializers.IntegerField())
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class LivePictureSerializer(serializers.Serializer[Any]):
    """An endpoint's traffic by version, in whole minutes."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    versions = VersionTrafficSerializer(many=True)


class EndpointTrafficViewSet(ProjectScopedMixin, viewsets.GenericViewSet[Endpoint]):
    """What works at an endpoint, and how."""

    queryset = Endpoint.objects.all()
    serializer_class = LivePictureSerializer
    lookup_field = "name"
    lookup_value_regex = "[^/]+"
    filterset_fields: ClassVar[list[str]] = []
    required_permissions: ClassVar[dict[str, Permission]] = {
        "work": Permission.DEPLOY,
        "fall_back": Permission.DEPLOY,
    }

    @extend_schema(responses=LivePictureSerializer)
    @action(detail=True, methods=["get"])
    def traffic(self, request: Request, **kwargs: Any) -> Response:
        """Return the last 15 minutes by version."""
        picture = live_picture(self.get_object(), now(), BUCKET_SECONDS)
        return Response(LivePictureSerializer(picture).data)

    @extend_schema(request=DeploymentRequestSerializer, responses={201: DeploymentSerializer})
    @action(detail=True, methods=["post"], url_path="canaries-and-shadows")
    def work(self, request: Request, **kwargs: Any) -> Response:
        """Let a version work beside the champion."""
        endpoint = self.get_object()
        wanted = DeploymentRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        version = version_of_endpoint(endpoint, values.pop("version"))
        made = services.start_deployment(
            principal=self.principal, endpoint=endpoint, version=version, **values
        )
        return Response(DeploymentSerializer(made).data, status=201)

    @extend_schema(request=FallBackSerializer, responses=EndpointSerializer)
    @action(detail=True, methods=["post"], url_path="fall-back")
    def fall_back(self, request: Request, **kwargs: Any) -> Response:
        """Answer with the previous version or a constant; ``start`` ends it."""
        endpoint = self.get_object()
        said = FallBackSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        services.fall_back(principal=self.principal, endpoint=endpoint, **said.validated_data)
        fresh = with_active_deployments(self.get_queryset()).get(pk=endpoint.pk)
        return Response(EndpointSerializer(fresh).data)


class DeploymentViewSet(
    ProjectScopedMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Deployment]
):
    """Model versions at work behind endpoints."""

    queryset = Deployment.objects.select_related("endpoint", "model_version__model", "started_by")
    project_lookup = "endpoint__project"
    serializer_class = DeploymentSerializer
    required_permissions: ClassVar[dict[str, Permission]] = {
        "partial_update": Permission.DEPLOY,
        "end": Permission.DEPLOY,
    }

    @extend_schema(request=WeightSerializer, responses=DeploymentSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Give a canary another share."""
        deployment = self.get_object()
        wanted = WeightSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.change_weight(
            principal=self.principal, deployment=deployment, **wanted.validated_data
        )
        return self._shown(deployment)

    @extend_schema(request=None, responses=DeploymentSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, **kwargs: Any) -> Response:
        """End the work of a canary or shadow."""
        deployment = self.get_object()
        services.end_deployment(principal=self.principal, deployment=deployment)
        return self._shown(deployment)

    def _shown(self, deployment: Deployment) -> Response:
        return Response(DeploymentSerializer(self.get_queryset().get(pk=deployment.pk)).data)
