"""How long the versions of a dataset are kept."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from datasets.models.datasets import Dataset


class RetentionPolicy(models.Model):
    """Which versions of a dataset stay: the newest few, the young ones, those that are held or used.

    What ``keep_last`` or ``keep_days`` speaks for stays; at least one of them is set. The others are
    archived first, and lose their rows ``grace_days`` after that.
    """

    dataset = models.OneToOneField(
        Dataset, on_delete=models.CASCADE, related_name="retention_policy"
    )
    is_enabled = models.BooleanField(default=True)
    keep_last = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many of the newest versions stay."
    )
    keep_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Versions younger than this many days stay."
    )
    grace_days = models.PositiveIntegerField(
        default=7, help_text="Days between archiving a version and removing its rows."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_run_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "retention policies"
        ordering: ClassVar[list[str]] = ["dataset"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(keep_last__gte=1)
                | models.Q(keep_last__isnull=True, keep_days__gte=1),
                name="retention_policy_keeps_something",
            ),
        ]

    def __str__(self) -> str:
        return f"Retention of {self.dataset}"

    @property
    def terms(self) -> str:
        """What the policy says, in words."""
        kept = []
        if self.keep_last is not None:
            kept.append(
                "the newest version"
                if self.keep_last == 1
                else f"the newest {self.keep_last} versions"
            )
        if self.keep_days is not None:
            kept.append(f"versions younger than {self.keep_days} days")
        return f"keep {' and '.join(kept)}; remove rows {self.grace_days} days after archiving"
