"""Registered models, their versions, the gates that judge them and the aliases that point at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from datasets.models import DatasetVersion
from experiments.models import Run


class VersionStatus(models.TextChoices):
    """Whether a model version's files may be used."""

    PENDING = "pending", "Pending"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    QUARANTINED = "quarantined", "Quarantined"
    RETIRED = "retired", "Retired"


NEXT_STATUSES: Mapping[VersionStatus, frozenset[VersionStatus]] = {
    VersionStatus.PENDING: frozenset({VersionStatus.READY, VersionStatus.FAILED}),
    VersionStatus.READY: frozenset({VersionStatus.QUARANTINED, VersionStatus.RETIRED}),
    VersionStatus.FAILED: frozenset({VersionStatus.RETIRED}),
    VersionStatus.QUARANTINED: frozenset({VersionStatus.READY, VersionStatus.RETIRED}),
    VersionStatus.RETIRED: frozenset(),
}


class Validation(models.TextChoices):
    """What the gates said; derived from gate results, never typed in."""

    NOT_RUN = "not_run", "Not run"
    RUNNING = "running", "Running"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    INCOMPLETE = "incomplete", "Not fully measured"
    WAIVED = "waived", "Waived"


_JUDGED = frozenset({Validation.PASSED, Validation.FAILED, Validation.INCOMPLETE})

NEXT_VALIDATIONS: Mapping[Validation, frozenset[Validation]] = {
    Validation.NOT_RUN: _JUDGED | {Validation.RUNNING},
    Validation.RUNNING: _JUDGED | {Validation.NOT_RUN},
    Validation.PASSED: _JUDGED | {Validation.RUNNING},
    Validation.FAILED: _JUDGED | {Validation.RUNNING, Validation.WAIVED},
    Validation.INCOMPLETE: _JUDGED | {Validation.RUNNING, Validation.WAIVED},
    Validation.WAIVED: _JUDGED | {Validation.RUNNING},
}


class Task(models.TextChoices):
    """What kind of answer a model gives."""

    CLASSIFICATION = "classification", "Classification"
    REGRESSION = "regression", "Regression"
    ANOMALY = "anomaly", "Anomaly detection"


class RegisteredModel(models.Model):
    """A named line of model versions."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    requires_approval = models.BooleanField(
        default=False, help_text="A second person must approve each promotion to champion."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="one_model_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One trained model: its files by digest, its signature, and where it came from."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=VersionStatus.choices, default=VersionStatus.PENDING
    )
    validation = models.CharField(
        max_length=16, choices=Validation.choices, default=Validation.NOT_RUN
    )
    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, null=True, blank=True, related_name="model_versions"
    )
    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="model_versions",
    )
    task = models.CharField(max_length=16, choices=Task.choices)
    estimator = models.CharField(max_length=64)
    signature = models.JSONField(default=dict)
    artifact_digest = models.CharField(max_length=64)
    artifact_size_bytes = models.BigIntegerField(default=0)
    onnx_digest = models.CharField(max_length=64, blank=True, default="")
    #: What the runtime computes with, for processes that load no scikit-learn; empty where there is no such plan.
    plan_digest = models.CharField(max_length=64, blank=True, default="")
    runtime = models.CharField(max_length=32, default="native")
    runtime_report = models.JSONField(default=dict)
    reference_digest = models.CharField(max_length=64, blank=True, default="")
    erasure_affected_at = models.DateTimeField(
        null=True, blank=True, help_text="When rows that it was trained on were erased."
    )
    erasure_marks = models.JSONField(
        default=dict, help_text="How many of those rows each erasure removed, by its reference."
    )
    metrics = models.JSONField(default=dict)
    baseline_metrics = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    spec = models.JSONField(default=dict)
    environment = models.JSONField(default=dict)
    decision = models.JSONField(
        default=dict,
        help_text="The threshold of its decisions, how it was chosen and what it does; empty without one.",
    )
    upload = models.JSONField(
        default=dict,
        help_text="What an uploaded file said of itself and how its tensors are bound; empty when trained here.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["model", "-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["model", "number"], name="one_model_version_per_number"
            ),
            models.CheckConstraint(
                condition=models.Q(artifact_digest__regex=r"^.{64}$"),
                name="model_version_has_an_artifact",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"

    @property
    def is_uploaded(self) -> bool:
        """Whether it was made elsewhere: its artifact is an ONNX file, its data were not learnt from."""
        return bool(self.upload)

    @property
    def erased_row_count(self) -> int:
        """How many of the rows that it was trained on were erased since."""
        return sum(self.erasure_marks.values())


class Gate(models.Model):
    """One condition that a version of this model must meet before it may take traffic."""

    class Kind(models.TextChoices):
        METRIC = "metric", "Metric against a threshold"
        BASELINE = "baseline", "Better than a naive baseline"
        WIRE_PARITY = "wire_parity", "Same answers through the wire"
        SERIALIZATION = "serialization", "Same answers after storing and loading"

    class Comparison(models.TextChoices):
        AT_LEAST = "gte", "at least"
        AT_MOST = "lte", "at most"

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="gates")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    metric = models.CharField(max_length=64, blank=True, default="")
    comparison = models.CharField(
        max_length=8, choices=Comparison.choices, default=Comparison.AT_LEAST
    )
    threshold = models.FloatField(default=0.0)
    required = models.BooleanField(default=True, help_text="A failed optional gate only warns.")
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["model", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["model", "kind", "metric", "comparison"], name="one_gate_per_condition"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.metric}".strip()


class GateResult(models.Model):
    """What one gate said about one version, frozen with the threshold of that moment."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="gate_results")
    gate = models.ForeignKey(Gate, on_delete=models.SET_NULL, null=True, related_name="results")
    evaluation = models.UUIDField(help_text="Results of one evaluation share this id.")
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=16, choices=Gate.Kind.choices)
    metric = models.CharField(max_length=64, blank=True, default="")
    comparison = models.CharField(max_length=8, blank=True, default="")
    threshold = models.FloatField(null=True)
    value = models.FloatField(null=True)
    required = models.BooleanField(default=True)
    passed = models.BooleanField()
    measured = models.BooleanField(
        default=True, help_text="False: there was nothing to judge, so it did not pass."
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    detail = models.JSONField(default=dict)
    is_current = models.BooleanField(default=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        said = "passed" if self.passed else "failed" if self.measured else "not measured"
        return f"{self.name}: {said}"


class Alias(models.Model):
    """A name that points at one version of a model: ``champion``, ``challenger``, ``previous``, any."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=100)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="aliases")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["model", "name"]
        verbose_name_plural = "aliases"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "name"], name="one_alias_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} → {self.version}"


class AliasMove(models.Model):
    """One move of an alias: the history that a rollback and an audit read."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="alias_moves")
    name = models.CharField(max_length=100)
    from_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    to_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="alias_moves"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    moved_by_name = models.CharField(max_length=150, default="system")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.name}: {self.from_version} → {self.to_version}"


class ApprovalRequest(models.Model):
    """Somebody asks a second person to let one exact artifact become champion."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="approvals")
    artifact_digest = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    comment = models.TextField(blank=True, default="")
    decision_comment = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version"],
                condition=models.Q(status="open"),
                name="one_open_approval_per_version",
            ),
        ]

    def __str__(self) -> str:
        return f"approval of {self.version}: {self.status}"


NEXT_APPROVAL_STATUSES: Mapping[ApprovalRequest.Status, frozenset[ApprovalRequest.Status]] = {
    ApprovalRequest.Status.OPEN: frozenset(
        {
            ApprovalRequest.Status.APPROVED,
            ApprovalRequest.Status.REJECTED,
            ApprovalRequest.Status.WITHDRAWN,
            ApprovalRequest.Status.EXPIRED,
        }
    ),
    ApprovalRequest.Status.APPROVED: frozenset({ApprovalRequest.Status.EXPIRED}),
    ApprovalRequest.Status.REJECTED: frozenset(),
    ApprovalRequest.Status.WITHDRAWN: frozenset(),
    ApprovalRequest.Status.EXPIRED: frozenset(),
}
