"""Monitoring on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from monitoring.models import Alert, ColumnDrift, DriftReport, MonitoringPolicy


class LabelSerializer(serializers.Serializer[Any]):
    """What really happened, for one prediction."""

    prediction_id = serializers.UUIDField()
    value = serializers.JSONField(help_text="A class of the model, or a number.")


class GroundTruthRequestSerializer(serializers.Serializer[Any]):
    """A batch of labels."""

    labels = LabelSerializer(many=True, allow_empty=False)


class RejectedLabelSerializer(serializers.Serializer[Any]):
    """A label that was not taken."""

    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    prediction_id = serializers.UUIDField()
    reason = serializers.CharField()


class GroundTruthResponseSerializer(serializers.Serializer[Any]):
    """What became of a batch of labels."""

    accepted = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="Accepted labels that replaced another value.")
    rejected = RejectedLabelSerializer(many=True)


class DriftReportRequestSerializer(serializers.Serializer[Any]):
    """The window to look at; the policy's last hours, when absent."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


class ColumnDriftSerializer(serializers.ModelSerializer[ColumnDrift]):
    """One column of a report."""

    class Meta:
        model = ColumnDrift
        fields: ClassVar[list[str]] = [
            "column",
            "kind",
            "statistic",
            "value",
            "effect_size",
            "effect_floor",
            "p_value",
            "q_value",
            "verdict",
            "detail",
        ]
        read_only_fields = fields


class DriftReportSerializer(serializers.ModelSerializer[DriftReport]):
    """A window of traffic compared with the training reference."""

    endpoint = serializers.CharField(source="endpoint.name", read_only=True)

    class Meta:
        model = DriftReport
        fields: ClassVar[list[str]] = [
            "id",
            "endpoint",
            "model_version",
            "window_start",
            "window_end",
            "reference_rows",
            "current_rows",
            "verdict",
            "label_coverage",
            "performance",
            "policy",
            "job",
            "created_at",
        ]
        read_only_fields = fields


class DriftReportDetailSerializer(DriftReportSerializer):
    """A report with its columns and the quality of the data."""

    columns = ColumnDriftSerializer(many=True, read_only=True)

    class Meta(DriftReportSerializer.Meta):
        fields: ClassVar[list[str]] = [
            *DriftReportSerializer.Meta.fields,
            "data_quality",
            "columns",
        ]
        read_only_fields = fields


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """An incident."""

    endpoint = serializers.CharField(source="endpoint.name", read_only=True)
    acknowledged_by = serializers.CharField(
        source="acknowledged_by.username", default=None, read_only=True
    )

    class Meta:
        model = Alert
        fields: ClassVar[list[str]] = [
            "id",
            "endpoint",
            "kind",
            "status",
            "title",
            "detail",
            "report",
            "occurrences",
            "opened_at",
            "last_seen_at",
            "acknowledged_by",
            "resolved_at",
        ]
        read_only_fields = fields


class MonitoringPolicySerializer(serializers.ModelSerializer[MonitoringPolicy]):
    """When drift is worth an alarm."""

    class Meta:
        model = MonitoringPolicy
        fields: ClassVar[list[str]] = [
            "enabled",
            "drift_level",
            "effect_floor",
            "min_rows",
            "window_hours",
        ]
