"""Experiments and runs, in MLflow's words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from datasets.models import DatasetVersion
from jobs.models import Job


class RunStatus(models.TextChoices):
    """Where a run stands; the last three are final."""

    SCHEDULED = "scheduled", "Scheduled"
    RUNNING = "running", "Running"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    KILLED = "killed", "Killed"


NEXT_STATUSES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.SCHEDULED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.KILLED}),
    RunStatus.RUNNING: frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}),
    RunStatus.FINISHED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.KILLED: frozenset(),
}


def new_run_id() -> str:
    """Return a fresh run id: 32 hexadecimal digits, as MLflow's clients expect."""
    return uuid.uuid4().hex


class Experiment(models.Model):
    """A named group of runs that belong together."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="experiments")
    name = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="one_experiment_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One attempt at a model, with what went in and what came out."""

    run_id = models.CharField(max_length=32, unique=True, default=new_run_id, editable=False)
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=250, blank=True, default="")
    status = models.CharField(max_length=16, choices=RunStatus.choices, default=RunStatus.SCHEDULED)
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.name or self.run_id


class Param(models.Model):
    """One parameter of a run; written once."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="params")
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        ordering: ClassVar[list[str]] = ["key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "key"], name="one_param_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


class Metric(models.Model):
    """One measured value of a run at one step."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="metrics")
    key = models.CharField(max_length=250)
    value = models.FloatField(null=True, help_text="Empty when the measurement was not a number.")
    step = models.BigIntegerField(default=0)
    timestamp = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["key", "step", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "key", "step"], name="metric_by_run_and_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key} = {self.value}"


class RunTag(models.Model):
    """A free remark on a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "key"], name="one_tag_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.value}"


class RunArtifact(models.Model):
    """A file that a run left behind; its bytes are content-addressed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="artifacts")
    path = models.CharField(max_length=500)
    digest = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()
    content_type = models.CharField(max_length=100, default="application/octet-stream")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["path"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "path"], name="one_artifact_per_path"),
        ]

    def __str__(self) -> str:
        return self.path
