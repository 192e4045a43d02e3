"""The deep profiles of dataset versions."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from datasets.models.versions import DatasetVersion
from jobs.models import Job


class VersionProfile(models.Model):
    """What was measured about a version as a whole; the latest measurement, one row a version.

    ``document`` has the parts of :class:`datasets.profile.deep.DeepProfile`; it is empty until the
    job has ended. A measurement that is asked for again keeps the former document until it is done.
    """

    version = models.OneToOneField(
        DatasetVersion, on_delete=models.CASCADE, related_name="deep_profile"
    )
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    target = models.CharField(max_length=500, blank=True, default="")
    document = models.JSONField(default=dict)
    seconds = models.FloatField(null=True, blank=True)
    asked_at = models.DateTimeField()
    computed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-asked_at"]

    def __str__(self) -> str:
        return f"Profile of {self.version}"
