"""Datasets that another project may use, and for what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Project
from core.clock import now
from datasets.models.datasets import Dataset


class Use(Enum):
    """What can be done with a dataset short of changing it.

    Changing it (uploads, checks, schema, archiving, grants) belongs to the owning project alone.
    """

    DESCRIBE = "describe"
    """Know that it exists: names, schema, row counts, digests; no value of any row."""
    READ = "read"
    """Look at rows and at the profile, and ask for them by SQL."""
    TRAIN = "train"
    """Fit models on the rows."""
    DOWNLOAD = "download"
    """Take the rows away as a file, or copy them into another dataset."""


class GrantLevel(models.TextChoices):
    """How far a grant goes."""

    VIEW = "view", "View: look at rows and profile"
    TRAIN = "train", "Train only: rows are not shown"
    EXPORT = "export", "Export: view, train and download"


LEVEL_USES: Mapping[GrantLevel, frozenset[Use]] = {
    GrantLevel.VIEW: frozenset({Use.DESCRIBE, Use.READ}),
    GrantLevel.TRAIN: frozenset({Use.DESCRIBE, Use.TRAIN}),
    GrantLevel.EXPORT: frozenset(Use),
}


def levels_with(use: Use) -> list[str]:
    """Return the levels of a grant that include a use."""
    return [level.value for level, uses in LEVEL_USES.items() if use in uses]


class DatasetGrantQuerySet(models.QuerySet["DatasetGrant"]):
    """Grants, and those of them that count."""

    def in_force(self) -> DatasetGrantQuerySet:
        """Keep the grants that are neither revoked nor past their expiry."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now()), revoked_at__isnull=True
        )


class DatasetGrant(models.Model):
    """The permission of another project to use a dataset; kept when it has ended."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="grants")
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="dataset_grants",
        help_text="The project that may use the dataset.",
    )
    level = models.CharField(max_length=16, choices=GrantLevel.choices)
    note = models.CharField(max_length=500, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    granted_at = models.DateTimeField(auto_now_add=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = DatasetGrantQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dataset", "project"],
                condition=Q(revoked_at__isnull=True),
                name="one_grant_per_dataset_and_project",
            ),
            models.CheckConstraint(
                condition=Q(level__in=GrantLevel.values), name="grant_level_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} for {self.project}"

    @property
    def state(self) -> str:
        """``live``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now():
            return "expired"
        return "live"

    def includes(self, use: Use) -> bool:
        """Whether the grant is in force and goes that far."""
        return self.state == "live" and use in LEVEL_USES[GrantLevel(self.level)]
