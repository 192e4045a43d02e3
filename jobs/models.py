"""The durable job row: the truth about every piece of long work."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce

from accounts.models import Project
from core.ids import uuid7
from jobs.errors import IllegalJobMove


class JobStatus(models.TextChoices):
    """Where a job stands; the last four are final."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    TIMED_OUT = "timed_out", "Timed out"


FINAL_STATUSES = frozenset(
    {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMED_OUT}
)

#: A running job goes back to the queue when its worker died; a failed one when a person retries it.
NEXT_STATUSES: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.RUNNING: frozenset({JobStatus.QUEUED, *FINAL_STATUSES}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
    JobStatus.TIMED_OUT: frozenset({JobStatus.QUEUED}),
}


class Job(models.Model):
    """One piece of long work: asked for once, carried out to exactly one end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=64)
    title = models.CharField(max_length=200, blank=True, default="")
    queue = models.CharField(max_length=32, default="default")
    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.QUEUED)
    arguments = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    attempt = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    progress = models.FloatField(default=0.0)
    stage = models.CharField(max_length=100, blank=True, default="")
    message = models.CharField(max_length=500, blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    error_fields = models.JSONField(default=list)
    # NULL, not "": any number of jobs may have no key, and the constraint below must let them.
    idempotency_key = models.CharField(  # noqa: DJ001
        max_length=200, null=True, blank=True, editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    token_prefix = models.CharField(max_length=16, blank=True, default="")
    worker = models.CharField(max_length=100, blank=True, default="")
    #: W3C Trace Context of the request that asked for the job.
    trace_parent = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(db_default=models.functions.Now())
    rung_at = models.DateTimeField(null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["project", "kind", "idempotency_key"], name="one_job_per_idempotency_key"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=JobStatus.values), name="job_status_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(progress__gte=0.0, progress__lte=1.0),
                name="job_progress_is_a_fraction",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="running") | models.Q(claim_token__isnull=False),
                name="running_job_has_a_claim",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "running"], finished_at__isnull=True)
                | models.Q(
                    status__in=["succeeded", "failed", "cancelled", "timed_out"],
                    finished_at__isnull=False,
                ),
                name="job_is_finished_when_final",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "queue", "queued_at"], name="job_by_status_and_queue"),
            models.Index(fields=["project", "-created_at"], name="job_by_project"),
            models.Index(
                Coalesce("heartbeat_at", "claimed_at", "created_at"), name="job_by_last_sign"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title or self.kind} ({self.status})"

    @property
    def is_final(self) -> bool:
        """Whether the job has come to its end."""
        return JobStatus(self.status) in FINAL_STATUSES

    @property
    def is_cancelling(self) -> bool:
        """Whether a running job was asked to stop and has not stopped yet."""
        return self.cancel_requested_at is not None and not self.is_final

    def check_move(self, to: JobStatus) -> None:
        """Raise :class:`IllegalJobMove` unless the job may go to ``to`` from where it stands."""
        if to not in NEXT_STATUSES[JobStatus(self.status)]:
            raise IllegalJobMove(f"A job that is {self.status} cannot become {to.value}.")


class JobLogLine(models.Model):
    """One line of what a job said while it ran."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="log_lines")
    attempt = models.PositiveSmallIntegerField(default=1)
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return self.text[:80]


class ProcessHeartbeat(models.Model):
    """The last sign of life of a long-running process such as a worker or the beat."""

    name = models.CharField(max_length=150, primary_key=True)
    instance = models.UUIDField(default=uuid.uuid4)
    started_at = models.DateTimeField()
    beaten_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
