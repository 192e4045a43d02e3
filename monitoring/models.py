"""What production tells: ground truth, drift reports and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import Project
from jobs.models import Job
from models_registry.models import ModelVersion
from serving.models import Endpoint


class GroundTruth(models.Model):
    """What really happened, for one prediction."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="ground_truth")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="ground_truth")
    prediction_id = models.UUIDField(unique=True)
    value = models.JSONField()
    predicted_at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        verbose_name_plural = "ground truth"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["endpoint", "predicted_at"], name="ground_truth_by_window"),
        ]

    def __str__(self) -> str:
        return f"{self.prediction_id}: {self.value}"


class GroundTruthChange(models.Model):
    """A label that came again with another value."""

    ground_truth = models.ForeignKey(GroundTruth, on_delete=models.CASCADE, related_name="changes")
    old_value = models.JSONField()
    new_value = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"{self.old_value} → {self.new_value}"


class MonitoringPolicy(models.Model):
    """When the drift of an endpoint's traffic is worth an alarm."""

    endpoint = models.OneToOneField(
        Endpoint, on_delete=models.CASCADE, related_name="monitoring_policy"
    )
    enabled = models.BooleanField(default=True)
    drift_level = models.FloatField(
        default=0.01, help_text="Largest q-value (false discovery rate) that counts as drift."
    )
    effect_floor = models.FloatField(
        default=0.1, help_text="Smallest Jensen-Shannon distance (base 2) that counts as drift."
    )
    min_rows = models.PositiveIntegerField(
        default=50, help_text="A window with fewer rows is answered 'not enough data'."
    )
    window_hours = models.FloatField(default=24.0)

    class Meta:
        verbose_name_plural = "monitoring policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(drift_level__gt=0.0, drift_level__lt=1.0),
                name="drift_level_is_a_probability",
            ),
        ]

    def __str__(self) -> str:
        return f"monitoring of {self.endpoint}"


class Verdict(models.TextChoices):
    """What a comparison of two windows comes to."""

    DRIFT = "drift", "Drift"
    NO_DRIFT = "no_drift", "No drift"
    NOT_ENOUGH_DATA = "not_enough_data", "Not enough data"


class DriftReport(models.Model):
    """One window of an endpoint's traffic, compared with its model's training reference."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="drift_reports")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="drift_reports"
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    reference_rows = models.BigIntegerField()
    current_rows = models.BigIntegerField()
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    label_coverage = models.FloatField(default=0.0)
    performance = models.JSONField(default=dict)
    data_quality = models.JSONField(default=dict)
    policy = models.JSONField(default=dict, help_text="The policy as it was at that moment.")
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="drift_reports"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(window_start__lt=models.F("window_end")),
                name="drift_window_has_a_length",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.verdict}"


class ColumnDrift(models.Model):
    """One column of a drift report."""

    report = models.ForeignKey(DriftReport, on_delete=models.CASCADE, related_name="columns")
    column = models.CharField(max_length=250)
    kind = models.CharField(max_length=16)
    statistic = models.CharField(max_length=32)
    value = models.FloatField(null=True)
    effect_size = models.FloatField(null=True)
    effect_floor = models.FloatField()
    p_value = models.FloatField(null=True)
    q_value = models.FloatField(null=True)
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["report", "id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["report", "column"], name="one_result_per_column"),
        ]

    def __str__(self) -> str:
        return f"{self.column}: {self.verdict}"


class AlertStatus(models.TextChoices):
    """Where an alert stands; an incident is over when it is resolved."""

    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    SUPPRESSED = "suppressed", "Suppressed"


NEXT_ALERT_STATUSES: Mapping[AlertStatus, frozenset[AlertStatus]] = {
    AlertStatus.OPEN: frozenset(
        {AlertStatus.ACKNOWLEDGED, AlertStatus.RESOLVED, AlertStatus.SUPPRESSED}
    ),
    AlertStatus.ACKNOWLEDGED: frozenset({AlertStatus.RESOLVED, AlertStatus.SUPPRESSED}),
    AlertStatus.SUPPRESSED: frozenset({AlertStatus.OPEN, AlertStatus.RESOLVED}),
    AlertStatus.RESOLVED: frozenset(),
}


class Alert(models.Model):
    """One incident that a person should know of."""

    class Kind(models.TextChoices):
        DRIFT = "drift", "Drift"
        PERFORMANCE = "performance", "Performance"
        ARTIFACT = "artifact", "Artifact"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="alerts")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    status = models.CharField(max_length=16, choices=AlertStatus.choices, default=AlertStatus.OPEN)
    fingerprint = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    detail = models.TextField(blank=True, default="")
    report = models.ForeignKey(
        DriftReport, on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts"
    )
    occurrences = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(auto_now_add=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["endpoint", "fingerprint"],
                condition=~models.Q(status="resolved"),
                name="one_unresolved_alert_per_incident",
            ),
        ]

    def __str__(self) -> str:
        return self.title
