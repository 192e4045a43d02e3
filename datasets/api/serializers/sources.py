"""Sources on the wire; secrets go in and never come out."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from datasets.formats import ON_BAD_ROWS
from datasets.models import RunOutcome, Source, SourceKind, SourceMode, SourceRun
from jobs.api.schedules import ScheduleSerializer
from jobs.schedules import schedule_of


class SourceSerializer(serializers.ModelSerializer[Source]):
    """A source, with what came of its last run."""

    kind = serializers.ChoiceField(choices=SourceKind.choices)
    mode = serializers.ChoiceField(choices=SourceMode.choices)
    on_bad_rows = serializers.ChoiceField(choices=ON_BAD_ROWS)
    settings = serializers.DictField(child=serializers.CharField())
    has_secrets = serializers.SerializerMethodField(help_text="Whether secrets are kept for it.")
    schedule = serializers.SerializerMethodField()
    next_run_at = serializers.SerializerMethodField()
    watermark = serializers.SerializerMethodField(
        help_text="The highest value that was read so far; null where nothing was."
    )
    last_outcome = serializers.ChoiceField(choices=RunOutcome.choices, allow_null=True)
    last_run_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    last_job = serializers.UUIDField(source="last_job_id", allow_null=True)
    last_version = serializers.IntegerField(source="last_version_id", allow_null=True)

    class Meta:
        model = Source
        fields: ClassVar[list[str]] = [
            "id",
            "dataset",
            "name",
            "kind",
            "settings",
            "has_secrets",
            "mode",
            "watermark_column",
            "watermark",
            "on_bad_rows",
            "most_bad_share",
            "enabled",
            "schedule",
            "next_run_at",
            "last_outcome",
            "last_run_at",
            "last_error",
            "last_job",
            "last_version",
            "created_at",
        ]
        read_only_fields = fields

    def get_has_secrets(self, source: Source) -> bool:
        return bool(source.sealed_secrets)

    @extend_schema_field(ScheduleSerializer(allow_null=True))
    def get_schedule(self, source: Source) -> dict[str, Any] | None:
        schedule = schedule_of(source.schedule)
        return schedule.to_dict() if schedule else None

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_run_at(self, source: Source) -> str | None:
        due = source.next_run_at
        return None if due is None else due.isoformat()

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_watermark(self, source: Source) -> Any:
        kept = source.position.get("watermark")
        return kept["value"] if kept else None


class SourceChangeRequestSerializer(serializers.Serializer[Any]):
    """What may be changed; what is absent stays as it is. ``"schedule": null`` removes it."""

    name = serializers.CharField(required=False, max_length=200)
    mode = serializers.ChoiceField(choices=SourceMode.choices, required=False)
    watermark_column = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        trim_whitespace=False,
        help_text="Only rows whose value is beyond the highest one read so far are new.",
    )
    on_bad_rows = serializers.ChoiceField(
        choices=ON_BAD_ROWS,
        required=False,
        help_text="Rows that cannot be read, or that the edited schema does not allow, refuse the run or are put "
        "aside with their reason.",
    )
    most_bad_share = serializers.FloatField(
        required=False,
        min_value=0.0,
        max_value=1.0,
        help_text="The largest share of the rows of a file that may be put aside.",
    )
    enabled = serializers.BooleanField(required=False)
    settings = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="By kind: path {path}; s3 {url, endpoint_url, region, access_key_id}; http {url}; "
        "sql {query}; traffic {endpoint}.",
    )
    secrets = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        write_only=True,
        help_text="By kind: s3 {secret_access_key}; http {token, query}; sql {url}. An empty text "
        "removes one.",
    )
    schedule = ScheduleSerializer(required=False, allow_null=True)


class SourceRequestSerializer(SourceChangeRequestSerializer):
    """A new source."""

    dataset = serializers.IntegerField(help_text="The dataset that it feeds.")
    kind = serializers.ChoiceField(choices=SourceKind.choices)
    name = serializers.CharField(max_length=200)


class SourceRunSerializer(serializers.ModelSerializer[SourceRun]):
    """One reading of a source."""

    outcome = serializers.ChoiceField(choices=RunOutcome.choices)
    watermark = serializers.SerializerMethodField()

    class Meta:
        model = SourceRun
        fields: ClassVar[list[str]] = [
            "id",
            "outcome",
            "job",
            "dataset_version",
            "rows",
            "watermark",
            "error_code",
            "error_message",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_watermark(self, run: SourceRun) -> Any:
        return run.watermark.get("value")


class SourceItemSerializer(serializers.Serializer[Any]):
    """A file or object that a source names."""

    name = serializers.CharField()
    size_bytes = serializers.IntegerField(allow_null=True)


class SourceColumnSerializer(serializers.Serializer[Any]):
    """A column of what a source would read."""

    name = serializers.CharField()
    type = serializers.CharField()


class SourceLookSerializer(serializers.Serializer[Any]):
    """What a source would read now; nothing was written."""

    address = serializers.CharField()
    item_count = serializers.IntegerField()
    items = SourceItemSerializer(many=True)
    columns = SourceColumnSerializer(many=True)
    rows = serializers.ListField(child=serializers.ListField(child=serializers.JSONField()))
