"""What was answered, counted by deployment and minute, of all web processes together."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from serving.models.endpoints import Deployment


class TrafficMinute(models.Model):
    """One deployment's requests in one minute (UTC); each web process adds to it what it has counted."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="minutes")
    minute = models.DateTimeField()
    requests = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(
        default=0, help_text="Failures of the version: status 500, or it took too long."
    )
    refused = models.PositiveBigIntegerField(
        default=0, help_text="Refused as not fitting the version: status 400 or 422."
    )
    rows = models.PositiveBigIntegerField(default=0, help_text="Instances answered.")
    dropped = models.PositiveBigIntegerField(
        default=0, help_text="Requests that a shadow did not get, because it was behind."
    )
    seconds = models.FloatField(default=0.0, help_text="Sum of the latencies of answered requests.")
    latencies = models.JSONField(
        default=list, help_text="Answered requests by latency, in the buckets of /metrics."
    )
    answers = models.JSONField(
        default=dict, help_text="Instances by answer, while several versions are at work."
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["-minute"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["deployment", "minute"], name="one_row_per_deployment_and_minute"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["minute"], name="traffic_by_minute")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} deployment {self.deployment_id}"
