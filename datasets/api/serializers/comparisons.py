"""Comparisons of versions on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import VersionComparison


class ComparisonRequestSerializer(serializers.Serializer[Any]):
    """Which versions to compare."""

    base = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="Number of a version."
    )
    other = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="Number of the version that came later."
    )
    key = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text=(
            "Columns that identify a row. Absent: those with the role identifier; []: whole rows are compared."
        ),
    )


class ComparisonSummarySerializer(serializers.ModelSerializer[VersionComparison]):
    """A comparison in a list."""

    dataset = serializers.IntegerField(source="base.dataset_id", read_only=True)
    base = serializers.IntegerField(source="base.number", read_only=True)
    other = serializers.IntegerField(source="other.number", read_only=True)
    key = serializers.ListField(child=serializers.CharField(), read_only=True)
    result = serializers.DictField(
        read_only=True,
        help_text=(
            "base_rows, other_rows, added, removed, changed, unchanged, changed_cells, duplicate_keys with "
            "their rows, and numbers of sample rows. Empty until the comparison is ready."
        ),
    )
    created_by = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = VersionComparison
        fields: ClassVar[list[str]] = [
            "id",
            "dataset",
            "base",
            "other",
            "key",
            "status",
            "result",
            "job",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class ComparisonCellSerializer(serializers.Serializer[Any]):
    """A cell that changed."""

    column = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class ComparisonChangedRowSerializer(serializers.Serializer[Any]):
    """A row that changed."""

    key = serializers.DictField()
    cells = ComparisonCellSerializer(many=True)


class ComparisonSamplesSerializer(serializers.Serializer[Any]):
    """Sample rows, read when they are asked for."""

    columns = serializers.ListField(child=serializers.CharField())
    added = serializers.ListField(child=serializers.ListField())
    base_columns = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.ListField())
    changed = ComparisonChangedRowSerializer(many=True)


class ComparisonSerializer(ComparisonSummarySerializer):
    """A comparison with what differs in schema and profile, and with sample rows."""

    schema = serializers.SerializerMethodField(
        help_text="added, removed, retyped, roles, reordered."
    )
    profile = serializers.SerializerMethodField(
        help_text="For each column that differs: nulls, distinct, mean, std, quantiles, top, old and new."
    )
    samples = serializers.SerializerMethodField()

    class Meta(ComparisonSummarySerializer.Meta):
        fields: ClassVar[list[str]] = [
            *ComparisonSummarySerializer.Meta.fields,
            "schema",
            "profile",
            "samples",
        ]
        read_only_fields = fields

    def get_schema(self, comparison: VersionComparison) -> dict[str, Any]:
        schema: dict[str, Any] = self.context["details"].schema.to_dict()
        return schema

    def get_profile(self, comparison: VersionComparison) -> list[dict[str, Any]]:
        profile: list[dict[str, Any]] = self.context["details"].profile
        return profile

    def get_samples(self, comparison: VersionComparison) -> ComparisonSamplesSerializer:
        samples: Any = ComparisonSamplesSerializer(self.context["details"].samples).data
        return samples  # type: ignore[no-any-return]
