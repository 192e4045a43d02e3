"""Checks of a dataset as rows, what they found in each version, and what they hold back."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from datasets.checking.kinds import KINDS, CheckSpec
from datasets.models.datasets import Dataset
from datasets.models.versions import DatasetVersion
from jobs.models import Job

KIND_CHOICES = [(kind.key, kind.title) for kind in KINDS.values()]


class Severity(models.TextChoices):
    """What the failure of a check means for the version."""

    ERROR = "error", "Error: blocks the version"
    WARNING = "warning", "Warning: is recorded"


class Verdict(models.TextChoices):
    """What a check came to; "error" says that it could not be carried out."""

    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    NOT_ENOUGH_DATA = "not_enough_data", "Not enough data"
    ERROR = "error", "Error"


class DataCheck(models.Model):
    """One question that is asked of every version of a dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=32, choices=KIND_CHOICES)
    columns = models.JSONField(default=list, blank=True)
    parameters = models.JSONField(default=dict, blank=True)
    severity = models.CharField(max_length=16, choices=Severity.choices, default=Severity.WARNING)
    is_enabled = models.BooleanField(default=True)
    description = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["dataset", "id"]
        verbose_name = "data check"

    def __str__(self) -> str:
        return self.spec.title

    @property
    def spec(self) -> CheckSpec:
        """The check as plain values."""
        return CheckSpec(self.kind, tuple(self.columns), self.parameters)


class CheckResult(models.Model):
    """What a check found in a version, with the check as it was then."""

    version = models.ForeignKey(
        DatasetVersion, on_delete=models.CASCADE, related_name="check_results"
    )
    data_check = models.ForeignKey(
        DataCheck, on_delete=models.SET_NULL, null=True, related_name="results"
    )
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=32, choices=KIND_CHOICES)
    columns = models.JSONField(default=list)
    parameters = models.JSONField(default=dict)
    severity = models.CharField(max_length=16, choices=Severity.choices)
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    message = models.TextField(blank=True, default="")
    checked_count = models.BigIntegerField(null=True)
    failed_count = models.BigIntegerField(null=True)
    observed = models.JSONField(default=dict)
    samples = models.JSONField(default=list)
    #: Results of an earlier look at the same version stay, and are no longer current.
    is_current = models.BooleanField(default=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["version", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["version", "is_current"], name="check_result_by_version"),
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.verdict}"


class VersionBlock(models.Model):
    """A version that checks hold back: what was written for it, and who let it through all the same."""

    version = models.OneToOneField(DatasetVersion, on_delete=models.CASCADE, related_name="block")
    reason = models.TextField()
    written = models.JSONField()
    source = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    waived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    waived_at = models.DateTimeField(null=True, blank=True)
    waive_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.version} is held back"
