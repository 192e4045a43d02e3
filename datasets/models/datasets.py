"""Datasets."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project


class Dataset(models.Model):
    """A named table of the lake; its content is what its versions pin."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    restricted_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="derived",
        help_text="Holds rows of this dataset of another project: the grant says what may be done.",
    )
    lake_generation = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="How often the table was written anew, to erase rows; part of its address.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="one_dataset_per_name"),
        ]

    def __str__(self) -> str:
        return self.name
