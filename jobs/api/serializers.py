"""Jobs on the wire."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.schema import FieldProblemSerializer
from jobs.models import Job, JobLogLine


class JobErrorSerializer(serializers.Serializer[Any]):
    """Why a job did not succeed."""

    code = serializers.CharField()
    message = serializers.CharField()
    errors = FieldProblemSerializer(many=True)  # type: ignore[assignment]


class JobSerializer(serializers.ModelSerializer[Job]):
    """A job: how far it is, what it made or why it failed."""

    result = serializers.DictField(
        read_only=True, help_text="What the job made, e.g. {'dataset_version': 3}."
    )
    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields: ClassVar[list[str]] = [
            "id",
            "kind",
            "title",
            "status",
            "progress",
            "stage",
            "message",
            "attempt",
            "result",
            "error",
            "is_cancelling",
            "created_at",
            "claimed_at",
            "heartbeat_at",
            "finished_at",
        ]
        read_only_fields = fields

    is_cancelling = serializers.BooleanField(read_only=True)

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, Any] | None:
        if not job.error_code:
            return None
        return {
            "code": job.error_code,
            "message": job.error_message,
            "errors": job.error_fields,
        }


class AcceptedJobSerializer(serializers.Serializer[Any]):
    """The answer to a request for long work: the job to look after."""

    job = JobSerializer()


class JobLogLineSerializer(serializers.ModelSerializer[JobLogLine]):
    """One line of a job's log."""

    class Meta:
        model = JobLogLine
        fields: ClassVar[list[str]] = ["at", "attempt", "text"]
        read_only_fields = fields
