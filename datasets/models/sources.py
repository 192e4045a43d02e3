"""Sources: where a dataset's rows come from, and what came of reading them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings as site
from django.db import models
from django_celery_beat.models import PeriodicTask

from core.clock import now
from core.sealing import unseal
from datasets.errors import IllegalRunMove
from datasets.formats import USUAL_BAD_SHARE, ReadOptions
from datasets.models.datasets import Dataset
from datasets.models.versions import DatasetVersion
from jobs.models import Job


class SourceKind(models.TextChoices):
    """What sort of place rows come from."""

    PATH = "path", "Files on this server"
    S3 = "s3", "S3 objects"
    HTTP = "http", "Web address"
    SQL = "sql", "Warehouse query (SQL)"
    TRAFFIC = "traffic", "Our own traffic"


class SourceMode(models.TextChoices):
    """What becomes of the rows that were there before."""

    REPLACE = "replace", "Replace: the version has these rows only"
    APPEND = "append", "Append: below those of the newest version"


class BadRows(models.TextChoices):
    """What becomes of rows that cannot be read, or that the edited schema does not allow."""

    REFUSE = "refuse", "Refuse: one bad row fails the run"
    QUARANTINE = "quarantine", "Quarantine: put them aside with their reason"


class Source(models.Model):
    """A place that a dataset's rows are read from, by hand or on a schedule.

    ``position`` says how far it has been read (watermark, files, version); it changes with the version that
    holds the rows, in one transaction, and ``position_number`` counts the changes. Secrets are sealed.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="sources")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=SourceKind.choices)
    settings = models.JSONField(default=dict)
    sealed_secrets = models.TextField(blank=True, default="", editable=False)
    mode = models.CharField(max_length=16, choices=SourceMode.choices, default=SourceMode.REPLACE)
    watermark_column = models.CharField(max_length=200, blank=True, default="")
    on_bad_rows = models.CharField(
        max_length=16, choices=BadRows.choices, default=BadRows.REFUSE, verbose_name="bad rows"
    )
    most_bad_share = models.FloatField(default=USUAL_BAD_SHARE)
    position = models.JSONField(default=dict, editable=False)
    position_number = models.PositiveIntegerField(default=0, editable=False)
    enabled = models.BooleanField(default=True)
    schedule = models.OneToOneField(
        PeriodicTask,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="dataset_source",
    )
    created_by = models.ForeignKey(
        site.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["dataset", "name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dataset", "name"], name="one_source_per_name_and_dataset"
            ),
            models.CheckConstraint(
                condition=models.Q(watermark_column="") | models.Q(mode="append"),
                name="source_watermark_is_for_appending",
            ),
            models.CheckConstraint(
                condition=models.Q(most_bad_share__gte=0.0, most_bad_share__lte=1.0),
                name="source_bad_share_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def next_run_at(self) -> datetime | None:
        """When the schedule is due next; None without one, or while it rests."""
        row = self.schedule
        if row is None or not row.enabled:
            return None
        began = row.last_run_at or row.date_changed
        remaining: timedelta = row.schedule.remaining_estimate(began)
        return now() + max(remaining, timedelta())

    @property
    def read_options(self) -> ReadOptions:
        """How the files are read."""
        return ReadOptions(on_bad_rows=self.on_bad_rows, most_bad_share=self.most_bad_share)

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets in clear; never log, show or pass them on.

        Raises
        ------
        core.sealing.SecretsUnreadable
            They were sealed with a key that is gone.
        """
        return unseal(self.sealed_secrets)


class RunOutcome(models.TextChoices):
    """What came of a run."""

    WAITING = "waiting", "Under way"
    COLLECTED = "collected", "New version"
    NOTHING_NEW = "nothing_new", "Nothing new"
    FAILED = "failed", "Failed"


#: A failed run ends well when its job is tried again.
NEXT_OUTCOMES: Mapping[RunOutcome, frozenset[RunOutcome]] = {
    RunOutcome.WAITING: frozenset(
        {RunOutcome.COLLECTED, RunOutcome.NOTHING_NEW, RunOutcome.FAILED}
    ),
    RunOutcome.FAILED: frozenset({RunOutcome.COLLECTED, RunOutcome.NOTHING_NEW, RunOutcome.FAILED}),
    RunOutcome.COLLECTED: frozenset(),
    RunOutcome.NOTHING_NEW: frozenset(),
}


class SourceRun(models.Model):
    """One reading of a source."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="runs")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="source_run"
    )
    outcome = models.CharField(
        max_length=16, choices=RunOutcome.choices, default=RunOutcome.WAITING
    )
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rows = models.BigIntegerField(null=True, blank=True)
    watermark = models.JSONField(default=dict)
    #: Where the source will stand once the version is ready, should checks hold it back and a person not.
    held_position = models.JSONField(default=dict, editable=False)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["source"],
                condition=models.Q(outcome="waiting"),
                name="one_waiting_run_per_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.get_outcome_display()}"

    def check_move(self, to: RunOutcome) -> None:
        """Raise :class:`IllegalRunMove` unless the run may come to ``to`` from here."""
        if to not in NEXT_OUTCOMES[RunOutcome(self.outcome)]:
            raise IllegalRunMove(f"A run that is {self.outcome} cannot become {to.value}.")
