"""Checks, their results and suggestions on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.models import CheckResult, DataCheck, Severity
from datasets.models.checks import KIND_CHOICES


class DataCheckSerializer(serializers.ModelSerializer[DataCheck]):
    """A check of a dataset."""

    title = serializers.CharField(source="spec.title", read_only=True)
    columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    parameters = serializers.DictField(read_only=True)
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = DataCheck
        fields = (
            "id",
            "dataset",
            "title",
            "kind",
            "columns",
            "parameters",
            "severity",
            "is_enabled",
            "description",
            "created_by",
            "created_at",
            "changed_at",
        )
        read_only_fields = fields


class DataCheckChangeRequestSerializer(serializers.Serializer[Any]):
    """What can be changed about a check."""

    columns = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=2_000
    )
    parameters = serializers.DictField(
        required=False, help_text="As the kind wants them; see /api/v1/data-check-kinds/."
    )
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    is_enabled = serializers.BooleanField(required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=500)


class DataCheckRequestSerializer(DataCheckChangeRequestSerializer):
    """What a check is made from."""

    dataset = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(choices=KIND_CHOICES)


class DataCheckKindSerializer(serializers.Serializer[Any]):
    """A kind of check."""

    kind = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    fewest_columns = serializers.IntegerField()
    most_columns = serializers.IntegerField()
    column_types = serializers.ListField(child=serializers.CharField())
    parameters = serializers.DictField(help_text="A JSON Schema for each parameter.")


class CheckSampleSerializer(serializers.Serializer[Any]):
    """One offending row."""

    row = serializers.IntegerField(help_text="Number of the row, from 1.")
    values = serializers.DictField()
    repeats_row = serializers.IntegerField(required=False)


class CheckResultSerializer(serializers.ModelSerializer[CheckResult]):
    """What a check found in a version, with the check as it was then."""

    columns = serializers.ListField(child=serializers.CharField(), read_only=True)
    parameters = serializers.DictField(read_only=True)
    observed = serializers.DictField(read_only=True)
    samples = CheckSampleSerializer(many=True, read_only=True)

    class Meta:
        model = CheckResult
        fields = (
            "id",
            "version",
            "data_check",
            "title",
            "kind",
            "columns",
            "parameters",
            "severity",
            "verdict",
            "message",
            "checked_count",
            "failed_count",
            "observed",
            "samples",
            "is_current",
            "job",
            "created_at",
        )
        read_only_fields = fields


class SuggestionSerializer(serializers.Serializer[Any]):
    """A check that could be made."""

    key = serializers.CharField()
    title = serializers.CharField(source="spec.title")
    kind = serializers.CharField(source="spec.kind")
    columns = serializers.ListField(child=serializers.CharField(), source="spec.columns")
    parameters = serializers.DictField(source="spec.parameters")
    severity = serializers.CharField()
    reason = serializers.CharField()


class SuggestionsSerializer(serializers.Serializer[Any]):
    """What the newest version suggests to check that is not checked yet."""

    version = serializers.IntegerField(allow_null=True)
    suggestions = SuggestionSerializer(many=True)


class AcceptSuggestionsRequestSerializer(serializers.Serializer[Any]):
    """Which suggestions become checks."""

    keys = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, max_length=5_000
    )


class WaiveRequestSerializer(serializers.Serializer[Any]):
    """Why a version may be used although checks hold it back."""

    reason = serializers.CharField(max_length=500)
