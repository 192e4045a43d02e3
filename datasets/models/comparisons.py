"""Stored comparisons of two versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from datasets.errors import IllegalComparisonMove
from datasets.models.versions import DatasetVersion
from jobs.models import Job


class ComparisonStatus(models.TextChoices):
    """Where a comparison stands."""

    BUILDING = "building", "Building"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


#: A failed comparison is asked for again, or becomes ready when its job is tried again and succeeds.
NEXT_COMPARISON_STATUSES: Mapping[ComparisonStatus, frozenset[ComparisonStatus]] = {
    ComparisonStatus.BUILDING: frozenset({ComparisonStatus.READY, ComparisonStatus.FAILED}),
    ComparisonStatus.READY: frozenset(),
    ComparisonStatus.FAILED: frozenset({ComparisonStatus.BUILDING, ComparisonStatus.READY}),
}


class VersionComparison(models.Model):
    """How the rows of one version differ from those of another of the same dataset.

    The result has counts and numbers of rows, no value of any row: what is erased from the lake is not
    kept here.
    """

    base = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="+")
    key = models.JSONField(
        default=list, help_text="The columns that identify a row; none: whole rows are compared."
    )
    key_text = models.CharField(max_length=64, help_text="SHA-256 of the key, for uniqueness.")
    status = models.CharField(
        max_length=16, choices=ComparisonStatus.choices, default=ComparisonStatus.BUILDING
    )
    result = models.JSONField(default=dict)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["base", "other", "key_text"], name="one_comparison_per_pair_and_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base.dataset} v{self.base.number} → v{self.other.number}"

    def check_move(self, to: ComparisonStatus) -> None:
        """Raise :class:`IllegalComparisonMove` unless the comparison may go to ``to`` from here."""
        if to not in NEXT_COMPARISON_STATUSES[ComparisonStatus(self.status)]:
            raise IllegalComparisonMove(
                f"A comparison that is {self.status} cannot become {to.value}."
            )
