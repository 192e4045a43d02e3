"""Deep profiles on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.models import VersionProfile


class VersionProfileRequestSerializer(serializers.Serializer[Any]):
    """What to measure a version against."""

    target = serializers.CharField(
        required=False,
        max_length=500,
        trim_whitespace=False,
        help_text="A column; the one whose role is target, when absent.",
    )


class VersionProfileSerializer(serializers.ModelSerializer[VersionProfile]):
    """The deep profile of a version."""

    document = serializers.DictField(
        read_only=True,
        help_text=(
            "row_count, sample_rows, missingness, duplication, associations, findings, leakage, "
            "over_time, texts. Empty until the first measurement is done."
        ),
    )

    class Meta:
        model = VersionProfile
        fields: ClassVar[list[str]] = [
            "version",
            "target",
            "job",
            "asked_at",
            "computed_at",
            "seconds",
            "document",
        ]
        read_only_fields = fields
