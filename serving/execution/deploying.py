"""Versions that start and end their work beside the champion."""

from __future__ import annotations

from core.clock import now
from models_registry.models import ModelVersion
from serving.execution.following import announce_change
from serving.models import Deployment, Endpoint


def open_beside(
    endpoint: Endpoint,
    version: ModelVersion,
    role: Deployment.Role,
    *,
    weight: float = 0.0,
    group: str = "",
    reason: str = "",
    started_by_id: int | None = None,
) -> Deployment:
    """Let a version work at an endpoint; call it inside a transaction."""
    deployment = Deployment.objects.create(
        endpoint=endpoint,
        model_version=version,
        role=role,
        weight=weight,
        group=group,
        reason=reason,
        started_by_id=started_by_id,
    )
    announce_change()
    return deployment


def end_work(deployment: Deployment) -> bool:
    """End a deployment; return whether it was at work. Call it inside a transaction."""
    at_work = Deployment.objects.filter(pk=deployment.pk, ended_at__isnull=True)
    if not at_work.update(ended_at=now()):
        return False
    announce_change()
    return True


def weigh(deployment: Deployment, weight: float) -> None:
    """Give a canary another share of the traffic; call it inside a transaction."""
    deployment.weight = weight
    deployment.save(update_fields=["weight"])
    announce_change()
