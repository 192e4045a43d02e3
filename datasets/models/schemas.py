"""The edited schemas of datasets: immutable revisions, of which at most one is in force."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from datasets.models.datasets import Dataset
from datasets.models.versions import DatasetVersion
from datasets.schema import Schema


class DatasetSchema(models.Model):
    """What a person said about the columns of a dataset; the revision in force holds for every later ingest."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="schemas")
    revision = models.PositiveIntegerField()
    columns = models.JSONField()
    comment = models.CharField(max_length=500, blank=True, default="")
    is_active = models.BooleanField(default=True)
    based_on = models.ForeignKey(
        DatasetVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["dataset", "-revision"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dataset", "revision"], name="one_dataset_schema_per_revision"
            ),
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(is_active=True),
                name="one_active_schema_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} schema {self.revision}"

    @property
    def schema(self) -> Schema:
        """The revision as plain values."""
        return Schema.from_dict({"columns": self.columns, "revision": self.revision})
