"""Training runs: what was asked of the estimators, and where it led."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from datasets.models import DatasetVersion, RecipeRevision
from experiments.models import Run
from jobs.models import Job
from models_registry.models import ModelVersion, RegisteredModel, Task


class TrainingRun(models.Model):
    """One request to train a model, complete enough to be carried out again."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="training_runs")
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="training_run")
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, related_name="training_runs"
    )
    registered_model = models.ForeignKey(
        RegisteredModel, on_delete=models.CASCADE, related_name="training_runs"
    )
    target = models.CharField(max_length=250, blank=True)
    features = models.JSONField(default=list)
    task = models.CharField(max_length=16, choices=Task.choices)
    estimator = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    holdout_fraction = models.FloatField(default=0.2)
    folds = models.PositiveSmallIntegerField(default=5)
    recipe_revision = models.ForeignKey(
        RecipeRevision,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="training_runs",
    )
    split = models.JSONField(default=dict, blank=True)
    decision = models.JSONField(default=dict, blank=True)
    split_report = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    dropped_columns = models.JSONField(default=list)
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="training_runs"
    )
    model_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="training_runs",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.registered_model} from {self.dataset_version}"
