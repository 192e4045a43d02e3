"""Endpoints, the deployments that answer behind them, and what is scored in one go."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from accounts.models import Project
from datasets.models import Dataset, DatasetVersion
from jobs.models import Job
from models_registry.models import ModelVersion, RegisteredModel

endpoint_name = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$",
    "Use lower-case letters, digits, '-' and '_'; begin and end with a letter or digit.",
)


class Endpoint(models.Model):
    """A stable name that applications ask for predictions."""

    class Status(models.TextChoices):
        LIVE = "live", "Live"
        STOPPED = "stopped", "Stopped"

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
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["project", "name"], name="one_endpoint_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        """Whether it answers."""
        return self.status == self.Status.LIVE


class Deployment(models.Model):
    """One model version at work behind an endpoint, from a start to an end."""

    class Role(models.TextChoices):
        CHAMPION = "champion", "Champion"
        CANARY = "canary", "Canary"
        SHADOW = "shadow", "Shadow"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deployments")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="deployments"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.CHAMPION)
    weight = models.FloatField(default=1.0)
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
            models.CheckConstraint(
                condition=models.Q(weight__gte=0.0, weight__lte=1.0),
                name="deployment_weight_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} as {self.role} of {self.endpoint}"


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
