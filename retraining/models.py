"""When to train again, and what came of it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django_celery_beat.models import PeriodicTask

from datasets.models import DatasetVersion
from jobs.models import Job
from models_registry.models import ModelVersion
from monitoring.models import Alert
from serving.models import Endpoint

#: Each row of a comparison is kept in the decision's evidence, so that it can be played again.
MAX_HORIZON_ROWS = 10_000


class Trigger(models.TextChoices):
    """What made a retraining start."""

    SCHEDULE = "schedule", "Schedule"
    DRIFT = "drift", "Drift"
    MANUAL = "manual", "By hand"


class RetrainVerdict(models.TextChoices):
    """What became of a challenger."""

    PROMOTED = "promoted", "Promoted"
    APPROVAL_NEEDED = "approval_needed", "Approval needed"
    KEPT = "kept", "Champion kept"
    INCONCLUSIVE = "inconclusive", "Inconclusive"
    NOT_ENOUGH_DATA = "not_enough_data", "Not enough data"
    FAILED = "failed", "Failed"


class RetrainPolicy(models.Model):
    """When an endpoint's model is trained again, and how sure a promotion must be."""

    endpoint = models.OneToOneField(
        Endpoint, on_delete=models.CASCADE, related_name="retrain_policy"
    )
    enabled = models.BooleanField(default=True)
    schedule = models.OneToOneField(
        PeriodicTask,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="retrain_policy",
    )
    on_drift = models.BooleanField(default=True)
    min_labels = models.PositiveIntegerField(
        default=100,
        help_text="Labelled rows that must be new to the champion; with fewer, nothing is trained.",
    )
    alpha = models.FloatField(
        default=0.05,
        help_text="Largest probability, over all retrainings, of a promotion without merit.",
    )
    test_fraction = models.FloatField(
        default=0.5, help_text="Share of the newest labelled rows kept back for the comparison."
    )
    margin = models.FloatField(
        default=0.0,
        help_text="Gain in mean loss per row (0 to 1) that is too small to be worth a change.",
    )
    horizon_rows = models.PositiveIntegerField(
        default=2000, help_text="Most labelled rows that one comparison may use."
    )
    cooldown_hours = models.FloatField(
        default=1.0, help_text="Shortest time between two retrainings that drift has triggered."
    )
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "retrain policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(alpha__gt=0.0, alpha__lt=1.0),
                name="retrain_alpha_is_a_probability",
            ),
            models.CheckConstraint(
                condition=models.Q(test_fraction__gt=0.0, test_fraction__lt=1.0),
                name="retrain_test_fraction_is_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(margin__gte=0.0, margin__lt=1.0),
                name="retrain_margin_is_a_loss",
            ),
            models.CheckConstraint(
                condition=models.Q(horizon_rows__gte=1, horizon_rows__lte=MAX_HORIZON_ROWS),
                name="retrain_horizon_is_bounded",
            ),
            models.CheckConstraint(
                condition=models.Q(min_labels__gte=2), name="retrain_needs_two_labels"
            ),
            models.CheckConstraint(
                condition=models.Q(cooldown_hours__gte=0.0), name="retrain_cooldown_is_a_duration"
            ),
        ]

    def __str__(self) -> str:
        return f"retraining of {self.endpoint}"


class RetrainDecision(models.Model):
    """One retraining: why it started, who met whom, and the evidence for the verdict."""

    policy = models.ForeignKey(RetrainPolicy, on_delete=models.CASCADE, related_name="decisions")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="retrain_decision"
    )
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    alert = models.ForeignKey(
        Alert, on_delete=models.SET_NULL, null=True, blank=True, related_name="retrain_decisions"
    )
    champion = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    challenger = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="retrain_decisions",
    )
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ordinal = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="k: how many challengers of this endpoint were compared, this one included.",
    )
    verdict = models.CharField(max_length=16, choices=RetrainVerdict.choices)
    reason = models.TextField(blank=True, default="")
    evidence = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["policy", "ordinal"], name="one_comparison_per_ordinal"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy.endpoint}: {self.get_verdict_display()}"
