"""Retention on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import RetentionPolicy
from datasets.retention import Fate


class RetentionPolicySerializer(serializers.ModelSerializer[RetentionPolicy]):
    """How long the versions of a dataset are kept."""

    dataset_name = serializers.CharField(source="dataset.name", read_only=True)

    class Meta:
        model = RetentionPolicy
        fields: ClassVar[list[str]] = [
            "dataset",
            "dataset_name",
            "is_enabled",
            "keep_last",
            "keep_days",
            "grace_days",
            "created_at",
            "last_run_at",
        ]
        read_only_fields = fields


class RetentionPolicyRequestSerializer(serializers.Serializer[Any]):
    """The terms of a policy; at least one of ``keep_last`` and ``keep_days`` is given."""

    keep_last = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="The newest so many stay."
    )
    keep_days = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="Younger ones stay."
    )
    grace_days = serializers.IntegerField(
        required=False, default=7, help_text="Days between archiving and removing rows."
    )
    is_enabled = serializers.BooleanField(required=False, default=True)


class PlannedVersionSerializer(serializers.Serializer[Any]):
    """What would become of a version."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    fate = serializers.ChoiceField(
        choices=[fate.value for fate in Fate],
        help_text="wait: archived, and its rows are not due yet.",
    )
    reasons = serializers.ListField(child=serializers.CharField())
    frees_bytes = serializers.IntegerField()


class RetentionPlanSerializer(serializers.Serializer[Any]):
    """What a run of the policy would do now."""

    versions = PlannedVersionSerializer(many=True)


class HoldRequestSerializer(serializers.Serializer[Any]):
    """Why a version must stay."""

    reason = serializers.CharField(max_length=200)
