"""Retrain policies and decisions on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from jobs.api.schedules import ScheduleSerializer
from jobs.schedules import schedule_of
from retraining.models import MAX_HORIZON_ROWS, RetrainDecision, RetrainPolicy


class RetrainPolicySerializer(serializers.ModelSerializer[RetrainPolicy]):
    """When and how an endpoint's model is trained again."""

    endpoint = serializers.CharField(source="endpoint.name", read_only=True)
    schedule = serializers.SerializerMethodField()

    class Meta:
        model = RetrainPolicy
        fields: ClassVar[list[str]] = [
            "id",
            "endpoint",
            "enabled",
            "on_drift",
            "min_labels",
            "alpha",
            "test_fraction",
            "margin",
            "horizon_rows",
            "cooldown_hours",
            "schedule",
            "last_triggered_at",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(ScheduleSerializer(allow_null=True))
    def get_schedule(self, policy: RetrainPolicy) -> dict[str, Any] | None:
        schedule = schedule_of(policy.schedule)
        return schedule.to_dict() if schedule else None


class RetrainPolicyChangeSerializer(serializers.Serializer[Any]):
    """What may be changed; what is absent stays as it is. ``"schedule": null`` removes it."""

    enabled = serializers.BooleanField(required=False)
    on_drift = serializers.BooleanField(required=False)
    min_labels = serializers.IntegerField(required=False, min_value=2, max_value=2**31 - 1)
    alpha = serializers.FloatField(required=False)
    test_fraction = serializers.FloatField(required=False)
    margin = serializers.FloatField(required=False)
    horizon_rows = serializers.IntegerField(required=False, min_value=1, max_value=MAX_HORIZON_ROWS)
    cooldown_hours = serializers.FloatField(required=False, min_value=0.0)
    schedule = ScheduleSerializer(required=False, allow_null=True)


class RetrainPolicyRequestSerializer(RetrainPolicyChangeSerializer):
    """A new policy: the endpoint, and what shall differ from the defaults."""

    endpoint = serializers.CharField(help_text="The endpoint's name.")


class RetrainDecisionSummarySerializer(serializers.ModelSerializer[RetrainDecision]):
    """A decision in a list, without its evidence."""

    endpoint = serializers.CharField(source="policy.endpoint.name", read_only=True)

    class Meta:
        model = RetrainDecision
        fields: ClassVar[list[str]] = [
            "id",
            "policy",
            "endpoint",
            "trigger",
            "alert",
            "champion",
            "challenger",
            "dataset_version",
            "ordinal",
            "verdict",
            "reason",
            "job",
            "created_at",
        ]
        read_only_fields = fields


class RetrainDecisionSerializer(RetrainDecisionSummarySerializer):
    """A decision with its evidence: the differences D, stakes λ and wealth W, row by row."""

    evidence = serializers.DictField(read_only=True)

    class Meta(RetrainDecisionSummarySerializer.Meta):
        fields: ClassVar[list[str]] = [*RetrainDecisionSummarySerializer.Meta.fields, "evidence"]
        read_only_fields = fields
