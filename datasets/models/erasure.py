"""Requests to erase a data subject, and what was done to each dataset version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from core.ids import uuid7
from datasets.errors import IllegalErasureMove
from datasets.models.versions import DatasetVersion
from jobs.models import Job


class ErasureStatus(models.TextChoices):
    """Where an erasure stands."""

    OPEN = "open", "Open: not searched yet"
    SEARCHED = "searched", "Searched: to be confirmed by a second person"
    CONFIRMED = "confirmed", "Confirmed: about to run"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed: partly erased, to be resumed"
    WITHDRAWN = "withdrawn", "Withdrawn"
    REJECTED = "rejected", "Rejected"


#: An erasure that was stopped before anything was erased is where it was before it was confirmed; one
#: that was stopped later can only go on.
NEXT_ERASURE_STATUSES: Mapping[ErasureStatus, frozenset[ErasureStatus]] = {
    ErasureStatus.OPEN: frozenset({ErasureStatus.SEARCHED, ErasureStatus.WITHDRAWN}),
    ErasureStatus.SEARCHED: frozenset(
        {
            ErasureStatus.OPEN,
            ErasureStatus.CONFIRMED,
            ErasureStatus.REJECTED,
            ErasureStatus.WITHDRAWN,
        }
    ),
    ErasureStatus.CONFIRMED: frozenset({ErasureStatus.RUNNING, ErasureStatus.SEARCHED}),
    ErasureStatus.RUNNING: frozenset(
        {ErasureStatus.DONE, ErasureStatus.FAILED, ErasureStatus.SEARCHED}
    ),
    ErasureStatus.FAILED: frozenset({ErasureStatus.CONFIRMED, ErasureStatus.RUNNING}),
    ErasureStatus.DONE: frozenset(),
    ErasureStatus.WITHDRAWN: frozenset(),
    ErasureStatus.REJECTED: frozenset(),
}
#: From here on nothing needs the subject's key any more, and it is wiped.
FINAL_ERASURE_STATUSES = frozenset(
    one for one, onward in NEXT_ERASURE_STATUSES.items() if not onward
)


class ErasureRequest(models.Model):
    """Somebody asks for all rows of one person to be erased; a second person confirms it.

    The key itself is kept sealed while it is needed and wiped at the end; what stays is a keyed hash,
    by which it can be proved whose rows were erased.
    """

    reference = models.UUIDField(unique=True, default=uuid7, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="erasures")
    status = models.CharField(
        max_length=16, choices=ErasureStatus.choices, default=ErasureStatus.OPEN
    )
    column = models.CharField(
        max_length=250,
        blank=True,
        default="",
        help_text="The column that holds the key. Empty: those with the role 'subject key'.",
    )
    subject_sealed = models.TextField(blank=True, default="", editable=False)
    subject_hash = models.CharField(max_length=64, editable=False)
    reason = models.CharField(max_length=500, blank=True, default="")
    before = models.JSONField(default=list, help_text="What the search found.")
    after = models.JSONField(default=list, help_text="What was left at the end.")
    error = models.CharField(max_length=500, blank=True, default="")
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField(auto_now_add=True)
    searched_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_comment = models.CharField(max_length=500, blank=True, default="")
    began_at = models.DateTimeField(
        null=True, blank=True, help_text="From this moment on there was no way back."
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["project", "subject_hash", "column"],
                condition=~models.Q(status__in=["done", "withdrawn", "rejected"]),
                name="one_erasure_under_way_per_subject",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["done", "withdrawn", "rejected"])
                | models.Q(subject_sealed=""),
                name="ended_erasure_keeps_no_key",
            ),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk} (subject {self.subject_hash[:8]}…)"

    def check_move(self, to: ErasureStatus) -> None:
        """Raise :class:`IllegalErasureMove` unless the request may go to ``to`` from here."""
        if to not in NEXT_ERASURE_STATUSES[ErasureStatus(self.status)]:
            raise IllegalErasureMove(f"An erasure that is {self.status} cannot become {to.value}.")


class VersionErasure(models.Model):
    """What an erasure did to one dataset version: the history of its digest."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="erasures")
    request = models.ForeignKey(
        ErasureRequest, on_delete=models.PROTECT, related_name="version_erasures"
    )
    rows_removed = models.BigIntegerField()
    row_count_before = models.BigIntegerField()
    row_count_after = models.BigIntegerField()
    sha256_before = models.CharField(max_length=64)
    sha256_after = models.CharField(max_length=64, blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"{self.version}: {self.rows_removed} rows erased"
