"""Tables of the serving room: endpoints and deployments, counted traffic, rollouts, batch scorings, exports."""

from __future__ import annotations

from serving.models.endpoints import (
    Deployment,
    Endpoint,
    RoutingGeneration,
    endpoint_name,
)
from serving.models.exports import NEXT_EXPORT_STATUSES, ModelExport
from serving.models.rollouts import Rollout, RolloutJudgement, RolloutStep
from serving.models.scoring import BatchScoring
from serving.models.traffic import TrafficMinute

__all__ = [
    "NEXT_EXPORT_STATUSES",
    "BatchScoring",
    "Deployment",
    "Endpoint",
    "ModelExport",
    "Rollout",
    "RolloutJudgement",
    "RolloutStep",
    "RoutingGeneration",
    "TrafficMinute",
    "endpoint_name",
]
