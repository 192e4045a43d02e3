"""Rollouts: a version takes over an endpoint in steps, and is taken back when it does harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from models_registry.models import ModelVersion
from serving.errors import IllegalRolloutMove
from serving.models.endpoints import Deployment, Endpoint


class Rollout(models.Model):
    """One version's way from no traffic to all of it."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SHADOWING = "shadowing", "Shadowing"
        CANARY = "canary", "Canary"
        PAUSED = "paused", "Paused"
        PROMOTING = "promoting", "Promoting"
        COMPLETED = "completed", "Completed"
        ROLLING_BACK = "rolling_back", "Rolling back"
        ROLLED_BACK = "rolled_back", "Rolled back"
        INCONCLUSIVE = "inconclusive", "Inconclusive"
        ABORTED = "aborted", "Aborted"
        FAILED = "failed", "Failed"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="rollouts")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="rollouts"
    )
    champion = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The version that it is compared with; known when it has started.",
    )
    deployment = models.ForeignKey(
        Deployment,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="rollouts",
        help_text="At work for it now: first the shadow, then the canary.",
    )
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    paused_from = models.CharField(max_length=16, blank=True, default="", editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    group = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Name of the A/B group that is written into the prediction log.",
    )
    shadow_minutes = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0)],
        help_text="How long it answers unseen before the first step; 0: not at all.",
    )
    most_extra_errors = models.FloatField(
        default=0.02,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="By how much its share of failed requests may lie above the champion's.",
    )
    most_latency_ratio = models.FloatField(
        default=1.5,
        validators=[MinValueValidator(1.0)],
        help_text="How many times the champion's p95 latency its own may be.",
    )
    latency_floor_ms = models.FloatField(
        default=5.0,
        validators=[MinValueValidator(0.0)],
        help_text="A p95 that is less than this above the champion's is never held against it.",
    )
    most_answer_distance = models.FloatField(
        default=0.15,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="How far its answers may lie from the champion's (Jensen-Shannon distance, 0 to 1).",
    )
    level = models.FloatField(
        default=0.01,
        validators=[MinValueValidator(1e-9), MaxValueValidator(0.5)],
        help_text="Probability of taking a harmless version back, over the whole rollout.",
    )
    least_requests = models.PositiveIntegerField(
        default=100,
        validators=[MinValueValidator(1)],
        help_text="Requests that both versions must have had before anything is judged.",
    )
    wait_minutes = models.FloatField(
        default=60.0,
        validators=[MinValueValidator(0.0)],
        help_text="How much longer than planned a step waits for enough data; then it is inconclusive.",
    )
    note = models.CharField(
        max_length=500, blank=True, default="", help_text="What it waits for, or why it ended."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["endpoint"],
                condition=models.Q(
                    status__in=["shadowing", "canary", "paused", "promoting", "rolling_back"]
                ),
                name="one_rollout_under_way_per_endpoint",
            ),
        ]

    def __str__(self) -> str:
        return f"rollout {self.pk} of {self.model_version}"

    @property
    def is_under_way(self) -> bool:
        """Whether it has started and not ended."""
        return self.status in UNDER_WAY

    def check_move(self, status: Rollout.Status) -> None:
        """Refuse a move that the state machine does not know.

        Raises
        ------
        IllegalRolloutMove
            There is no such move from the present state.
        """
        if status not in NEXT_STATUSES[Rollout.Status(self.status)]:
            raise IllegalRolloutMove(f"A rollout that is {self.status} cannot become {status}.")


_S = Rollout.Status
_ENDS = frozenset({_S.ROLLING_BACK, _S.INCONCLUSIVE, _S.ABORTED, _S.FAILED})

#: The moves of the state machine.
NEXT_STATUSES: Mapping[Rollout.Status, frozenset[Rollout.Status]] = {
    _S.DRAFT: frozenset({_S.SHADOWING, _S.CANARY, _S.ABORTED}),
    _S.SHADOWING: frozenset({_S.CANARY, _S.PROMOTING, _S.PAUSED, *_ENDS}),
    _S.CANARY: frozenset({_S.PROMOTING, _S.PAUSED, *_ENDS}),
    _S.PAUSED: frozenset({_S.SHADOWING, _S.CANARY, _S.PROMOTING, *_ENDS}),
    _S.PROMOTING: frozenset({_S.COMPLETED, _S.ROLLING_BACK, _S.ABORTED, _S.FAILED}),
    _S.ROLLING_BACK: frozenset({_S.ROLLED_BACK}),
    _S.COMPLETED: frozenset(),
    _S.ROLLED_BACK: frozenset(),
    _S.INCONCLUSIVE: frozenset(),
    _S.ABORTED: frozenset(),
    _S.FAILED: frozenset(),
}
UNDER_WAY = frozenset({_S.SHADOWING, _S.CANARY, _S.PAUSED, _S.PROMOTING, _S.ROLLING_BACK})


class RolloutStep(models.Model):
    """One share of the traffic, and how long it is watched."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(help_text="0 is the shadow's, if there is one.")
    share = models.FloatField()
    baking_minutes = models.FloatField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    paused_seconds = models.FloatField(default=0.0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["rollout", "position"], name="one_rollout_step_per_position"
            ),
            models.CheckConstraint(
                condition=models.Q(share__gte=0.0, share__lte=1.0, baking_minutes__gte=0.0),
                name="rollout_step_is_a_share_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.share:.0%} for {self.baking_minutes:g} min"


class RolloutJudgement(models.Model):
    """What was seen of a version beside the champion at one moment, and what it came to."""

    class Verdict(models.TextChoices):
        HEALTHY = "healthy", "Healthy"
        BREACHED = "breached", "Breached"
        TOO_LITTLE = "too_little_data", "Too little data"

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="judgements")
    step = models.ForeignKey(RolloutStep, on_delete=models.CASCADE, related_name="judgements")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    reason = models.CharField(max_length=500, blank=True, default="")
    look = models.PositiveIntegerField(help_text="The number of this look, counted from 1.")
    level = models.FloatField(help_text="The part of the rollout's level that each guard had.")
    requests = models.PositiveBigIntegerField()
    champion_requests = models.PositiveBigIntegerField()
    evidence = models.JSONField(
        default=list, help_text="One entry for each guard: both versions' figures, limit, p-value."
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.verdict} at {self.at:%Y-%m-%d %H:%M:%S}"
