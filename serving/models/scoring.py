"""What is scored in one go."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from datasets.models import Dataset, DatasetVersion
from jobs.models import Job
from models_registry.models import ModelVersion


class BatchScoring(models.Model):
    """All rows of a dataset version answered by a model version: asked for once, one new version comes of it.

    How far it has come is the job's to say. Both versions are kept from retention for as long as the row is there.
    """

    class Keep(models.TextChoices):
        IDENTIFIERS = "identifiers", "Identifying columns"
        ALL = "all", "All columns"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batch_scorings")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="batch_scorings"
    )
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, related_name="batch_scorings"
    )
    output_dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    output_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="made_by_batch_scorings",
    )
    keep = models.CharField(max_length=16, choices=Keep.choices, default=Keep.IDENTIFIERS)
    threshold = models.FloatField(
        null=True, blank=True, help_text="Where decisions are made; empty: none are."
    )
    rows_refused = models.BigIntegerField(
        null=True,
        blank=True,
        help_text="Rows without an answer, because they do not fit the model.",
    )
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="batch_scoring"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.dataset_version} by {self.model_version}"
