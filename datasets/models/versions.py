"""The immutable versions of datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from datasets.errors import IllegalVersionMove
from datasets.models.datasets import Dataset
from jobs.models import Job


class VersionStatus(models.TextChoices):
    """Where a dataset version stands."""

    BUILDING = "building", "Building"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    ARCHIVED = "archived", "Archived"
    PURGED = "purged", "Purged"


#: A failed version becomes ready when its job is tried again and succeeds. A purged version has lost its
#: rows for good; its row stays, so that lineage still answers.
NEXT_STATUSES: Mapping[VersionStatus, frozenset[VersionStatus]] = {
    VersionStatus.BUILDING: frozenset({VersionStatus.READY, VersionStatus.FAILED}),
    VersionStatus.READY: frozenset({VersionStatus.ARCHIVED}),
    VersionStatus.FAILED: frozenset({VersionStatus.READY, VersionStatus.ARCHIVED}),
    VersionStatus.ARCHIVED: frozenset({VersionStatus.READY, VersionStatus.PURGED}),
    VersionStatus.PURGED: frozenset(),
}


class DatasetVersion(models.Model):
    """One pinned state of a dataset: a Delta version, its schema and a digest over all rows."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=VersionStatus.choices, default=VersionStatus.BUILDING
    )
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    delta_version = models.BigIntegerField(null=True, blank=True)
    row_count = models.BigIntegerField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    schema = models.JSONField(default=dict)
    profile = models.JSONField(default=dict)
    source = models.JSONField(default=dict)
    erasure_affected = models.BooleanField(
        default=False,
        help_text="Rows were erased; the history of the digest says how many and when.",
    )
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="dataset_versions"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    #: When it became ready; with checks that held it back, when it was let through.
    ready_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)
    #: Why retention must never touch the version; empty: it may.
    hold_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["dataset", "-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dataset", "number"], name="one_dataset_version_per_number"
            ),
            models.CheckConstraint(
                condition=~models.Q(status="ready")
                | models.Q(
                    delta_version__isnull=False, row_count__isnull=False, sha256__regex=r"^.{64}$"
                ),
                name="ready_dataset_version_is_pinned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    @property
    def has_rows(self) -> bool:
        """Whether there are rows to read."""
        return self.delta_version is not None and self.status in (
            VersionStatus.READY,
            VersionStatus.ARCHIVED,
        )

    @property
    def quarantined_rows(self) -> int:
        """How many rows of its file could not be read and were put aside."""
        return int(self.source.get("quarantined_rows", 0))

    def check_move(self, to: VersionStatus) -> None:
        """Raise :class:`IllegalVersionMove` unless the version may go to ``to`` from here."""
        if to not in NEXT_STATUSES[VersionStatus(self.status)]:
            raise IllegalVersionMove(
                f"A dataset version that is {self.status} cannot become {to.value}."
            )
