"""Endpoints and the deployments that answer behind them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from accounts.models import Project
from models_registry.models import ModelVersion, RegisteredModel

endpoint_name = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$",
    "Use lower-case letters, digits, '-' and '_'; begin and end with a letter or digit.",
)


class Endpoint(models.Model):
    """A stable name that applications ask for predictions."""

    class Status(models.TextChoices):
        LIVE = "live", "Live"
        FALLBACK = "fallback", "Fallback"
        STOPPED = "stopped", "Stopped"

    class Fallback(models.TextChoices):
        PREVIOUS = "previous", "The previous version"
        CONSTANT = "constant", "A constant answer"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=64, validators=[endpoint_name])
    description = models.TextField(blank=True, default="")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="endpoints")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.LIVE)
    is_open = models.BooleanField(
        "answers without a token",
        default=False,
        help_text="For clients that cannot send a token: everyone who reaches the site may ask for predictions.",
    )
    entity_column = models.CharField(
        max_length=200,
        blank=True,
        default="",
        help_text="The input that says whom a request is about: the same entity keeps its version. "
        "The header X-Entity-Key goes before it; without either the caller counts.",
    )
    fallback = models.CharField(
        "answers in an emergency with",
        max_length=16,
        choices=Fallback.choices,
        default=Fallback.PREVIOUS,
    )
    fallback_value = models.JSONField(
        "the constant answer",
        null=True,
        blank=True,
        default=None,
        help_text="A class of the model, or a number.",
    )
    decision_threshold = models.FloatField(
        null=True,
        blank=True,
        help_text="Decides between two classes (of the second one's probability) or about anomalies, for callers "
        "that ask for decisions. Empty: the threshold of the version that answers.",
    )
    log_share = models.FloatField(
        "share of requests in the log",
        default=1.0,
        help_text="0 to 1; of requests that are left out nothing is kept, and labels find nothing to join.",
    )
    log_redaction = models.JSONField(
        "redacted columns",
        default=dict,
        blank=True,
        help_text='What the log keeps of a column: {"name": "drop", "city": "hash"}; the rest is kept as it came.',
    )
    log_retention_days = models.PositiveIntegerField(
        "days in the log",
        null=True,
        blank=True,
        help_text="Older predictions are deleted for good, once a day. Empty: kept for ever.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(log_share__gte=0.0, log_share__lte=1.0),
                name="endpoint_log_share_is_a_share",
            ),
            models.UniqueConstraint(fields=["project", "name"], name="one_endpoint_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        """Whether it answers, if only in an emergency's way."""
        return self.status != self.Status.STOPPED


class Deployment(models.Model):
    """One model version at work behind an endpoint, from a start to an end."""

    class Role(models.TextChoices):
        CHAMPION = "champion", "Champion"
        CANARY = "canary", "Canary"
        SHADOW = "shadow", "Shadow"
        FALLBACK = "fallback", "Fallback"
        CONSTANT = "constant", "Constant answer"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deployments")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="deployments"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.CHAMPION)
    weight = models.FloatField(
        default=1.0, help_text="A canary's share of the traffic; the champion has what is left."
    )
    group = models.CharField(
        max_length=64, blank=True, default="", help_text="Name of its A/B group, for the log."
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    problem = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="Why a web process could not load it; what answered before goes on answering.",
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["endpoint"],
                condition=models.Q(role="champion", ended_at__isnull=True),
                name="one_active_champion_per_endpoint",
            ),
            models.UniqueConstraint(
                fields=["endpoint", "model_version", "role"],
                condition=models.Q(ended_at__isnull=True),
                name="one_active_deployment_per_version_and_role",
            ),
            models.CheckConstraint(
                condition=models.Q(weight__gte=0.0, weight__lte=1.0),
                name="deployment_weight_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} as {self.role} of {self.endpoint}"


class RoutingGeneration(models.Model):
    """A counter that rises with each change that the routing tables must learn of (one row)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    generation = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_routing_generation"),
        ]

    def __str__(self) -> str:
        return f"generation {self.generation}"
