"""The API of rollouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.scoping import ProjectScopedMixin
from accounts.policy import Permission
from core.errors import NotFound
from serving import services
from serving.api.finding import version_of_endpoint
from serving.models import Endpoint, Rollout, RolloutJudgement, RolloutStep
from serving.services.rollouts import SETTINGS, Step


class RolloutStepSerializer(serializers.ModelSerializer[RolloutStep]):
    """One share of the traffic; 0 is the shadow's."""

    class Meta:
        model = RolloutStep
        fields: ClassVar[list[str]] = [
            *("position", "share", "baking_minutes", "started_at", "ended_at", "paused_seconds"),
        ]
        read_only_fields = fields


class RolloutSerializer(serializers.ModelSerializer[Rollout]):
    """A version on its way to all of an endpoint's traffic."""

    endpoint = serializers.CharField(source="endpoint.name", read_only=True)
    model = serializers.CharField(source="model_version.model.name", read_only=True)
    model_version_number = serializers.IntegerField(source="model_version.number", read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, read_only=True)
    steps = RolloutStepSerializer(many=True, read_only=True)

    class Meta:
        model = Rollout
        fields: ClassVar[list[str]] = [
            *("id", "endpoint", "model", "model_version", "model_version_number", "champion"),
            *("deployment", "status", "note", *SETTINGS, "steps"),
            *("created_by", "created_at", "started_at", "ended_at"),
        ]
        read_only_fields = fields


class RolloutJudgementSerializer(serializers.ModelSerializer[RolloutJudgement]):
    """What was seen at one moment, and what it came to."""

    position = serializers.IntegerField(source="step.position", read_only=True)

    class Meta:
        model = RolloutJudgement
        fields: ClassVar[list[str]] = [
            *("id", "at", "position", "verdict", "reason", "look", "level"),
            *("requests", "champion_requests", "evidence"),
        ]
        read_only_fields = fields


class StepSerializer(serializers.Serializer[Any]):
    """A share of the traffic, and for how long it is watched at least."""

    share = serializers.FloatField(min_value=0.0, max_value=1.0)
    baking_minutes = serializers.FloatField(min_value=0.0)


class RolloutSettingsSerializer(serializers.ModelSerializer[Rollout]):
    """A plan's thresholds and steps; what is not said stays as it is."""

    steps = StepSerializer(many=True, required=False)

    class Meta:
        model = Rollout
        fields: ClassVar[list[str]] = [*SETTINGS, "steps"]


class RolloutRequestSerializer(RolloutSettingsSerializer):
    """A rollout to be planned."""

    endpoint = serializers.CharField(max_length=64)
    version = serializers.IntegerField(
        min_value=1, help_text="Number of the version of the endpoint's model."
    )

    class Meta(RolloutSettingsSerializer.Meta):
        fields: ClassVar[list[str]] = ["endpoint", "version", *SETTINGS, "steps"]


class RolloutReasonSerializer(serializers.Serializer[Any]):
    """Why it is done."""

    reason = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class RolloutViewSet(
    ProjectScopedMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Rollout],
):
    """Versions that take over an endpoint in steps."""

    queryset = Rollout.objects.select_related(
        "endpoint", "model_version__model", "created_by"
    ).prefetch_related("steps")
    project_lookup = "endpoint__project"
    serializer_class = RolloutSerializer
    filterset_fields: ClassVar[list[str]] = ["status", "endpoint"]
    ordering_fields: ClassVar[list[str]] = ["created_at", "started_at"]
    required_permissions: ClassVar[dict[str, Permission]] = dict.fromkeys(
        ["create", "partial_update", "start", "pause", "resume", "abort", "promote"],
        Permission.DEPLOY,
    )

    @extend_schema(request=RolloutRequestSerializer, responses={201: RolloutSerializer})
    def create(self, request: Request) -> Response:
        """Plan a rollout; nothing happens before it is started."""
        wanted = RolloutRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        endpoint = Endpoint.objects.filter(
            project_id=self.principal.project_id, name=values.pop("endpoint")
        ).first()
        if endpoint is None:
            raise NotFound("There is no such endpoint.", field="endpoint")
        version = version_of_endpoint(endpoint, values.pop("version"))
        steps = _steps(values)
        made = services.create_rollout(
            principal=self.principal,
            endpoint=endpoint,
            version=version,
            settings=values,
            **({} if steps is None else {"steps": steps}),
        )
        return self._shown(made, status=201)

    @extend_schema(request=RolloutSettingsSerializer, responses=RolloutSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change the plan of a rollout that has not started."""
        rollout = self.get_object()
        # Not partial: that would let the parts of a step be left out, too.
        wanted = RolloutSettingsSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        values = dict(wanted.validated_data)
        steps = _steps(values)
        changed = services.change_rollout(
            principal=self.principal, rollout=rollout, steps=steps, settings=values
        )
        return self._shown(changed)

    @extend_schema(request=None, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, **kwargs: Any) -> Response:
        """Begin the first step."""
        rollout = self.get_object()
        return self._shown(services.start_rollout(principal=self.principal, rollout=rollout))

    @extend_schema(request=None, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Go on where the rollout was paused."""
        rollout = self.get_object()
        return self._shown(services.resume_rollout(principal=self.principal, rollout=rollout))

    @extend_schema(request=RolloutReasonSerializer, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Stay at the present share; the guards go on watching."""
        return self._decided(request, services.pause_rollout)

    @extend_schema(request=RolloutReasonSerializer, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def abort(self, request: Request, **kwargs: Any) -> Response:
        """End it without a verdict; the champion has all traffic again."""
        return self._decided(request, services.abort_rollout)

    @extend_schema(request=RolloutReasonSerializer, responses=RolloutSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, **kwargs: Any) -> Response:
        """Skip the steps that are left."""
        return self._decided(request, services.promote_rollout)

    @extend_schema(responses=RolloutJudgementSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filterset_fields=None)
    def judgements(self, request: Request, **kwargs: Any) -> Response:
        """Return what was seen and decided, the newest first."""
        found = self.get_object().judgements.select_related("step")
        page = self.paginator.paginate_queryset(found, request, view=self)  # type: ignore[union-attr]
        return self.get_paginated_response(RolloutJudgementSerializer(page, many=True).data)

    def _decided(self, request: Request, decide: Callable[..., Rollout]) -> Response:
        rollout = self.get_object()
        said = RolloutReasonSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(decide(principal=self.principal, rollout=rollout, **said.validated_data))

    def _shown(self, rollout: Rollout, *, status: int = 200) -> Response:
        fresh = self.get_queryset().get(pk=rollout.pk)
        return Response(RolloutSerializer(fresh).data, status=status)


def _steps(values: dict[str, Any]) -> list[Step] | None:
    said = values.pop("steps", None)
    return None if said is None else [Step(**one) for one in said]
