"""Erasures on the wire; the subject's key comes in and never goes out."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.erasure import Advice
from datasets.models import ErasureRequest, VersionErasure
from jobs.api.serializers import AcceptedJobSerializer


def _key_field() -> serializers.CharField:
    return serializers.CharField(
        max_length=500,
        write_only=True,
        help_text="The value of the key. It is never shown again.",
    )


class ErasureRequestSerializer(serializers.Serializer[Any]):
    """Whose rows are to be erased."""

    subject = _key_field()
    column = serializers.CharField(
        max_length=250,
        required=False,
        default="",
        allow_blank=True,
        help_text="The column that holds the key. Absent: those with the role 'subject_key'.",
    )
    reason = serializers.CharField(
        max_length=500,
        required=False,
        default="",
        allow_blank=True,
        help_text="Do not name the person.",
    )


class ErasureConfirmationSerializer(serializers.Serializer[Any]):
    """The word of the second person."""

    subject = _key_field()
    comment = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class ErasureRejectionSerializer(serializers.Serializer[Any]):
    """Why the second person refuses."""

    comment = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


class AcceptedErasureSerializer(AcceptedJobSerializer):
    """The erasure that was asked for, and the job that is at work on it."""

    erasure = serializers.IntegerField(help_text="Its id.")


class FindingSerializer(serializers.Serializer[Any]):
    """One thing that the subject's rows are in, or that was made from them."""

    kind = serializers.CharField(
        help_text="dataset_version, prediction, ground_truth, run, model_version, reference_sample …"
    )
    label = serializers.CharField()  # type: ignore[assignment]
    advice = serializers.ChoiceField(
        choices=[one.value for one in Advice],
        help_text="erased, rebuilt, removed: done by the erasure. marked: make it anew. noted: stays.",
    )
    rows = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    target = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Kind of row ('app.model') and id.",
    )
    detail = serializers.CharField()


class VersionErasureSerializer(serializers.ModelSerializer[VersionErasure]):
    """What an erasure did to one dataset version."""

    class Meta:
        model = VersionErasure
        fields: ClassVar[list[str]] = [
            "request",
            "version",
            "rows_removed",
            "row_count_before",
            "row_count_after",
            "sha256_before",
            "sha256_after",
            "at",
        ]
        read_only_fields = fields


class ErasureSummarySerializer(serializers.ModelSerializer[ErasureRequest]):
    """An erasure in a list."""

    requested_by = serializers.CharField(source="requested_by.username", read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = ErasureRequest
        fields: ClassVar[list[str]] = [
            "id",
            "reference",
            "status",
            "column",
            "subject_hash",
            "reason",
            "error",
            "job",
            "requested_by",
            "requested_at",
            "searched_at",
            "decided_by",
            "decided_at",
            "decision_comment",
            "began_at",
            "ended_at",
        ]
        read_only_fields = fields


class ErasureSerializer(ErasureSummarySerializer):
    """An erasure with what was found, what was done, and what was left."""

    found = FindingSerializer(source="before", many=True, read_only=True)
    left = FindingSerializer(source="after", many=True, read_only=True)
    versions = VersionErasureSerializer(source="version_erasures", many=True, read_only=True)

    class Meta(ErasureSummarySerializer.Meta):
        fields: ClassVar[list[str]] = [
            *ErasureSummarySerializer.Meta.fields,
            "found",
            "left",
            "versions",
        ]
        read_only_fields = fields
