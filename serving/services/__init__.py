"""Writes of the serving room that a person or a client asks for."""

from __future__ import annotations

from serving.services.deployments import change_weight, end_deployment, start_deployment
from serving.services.emergencies import fall_back, start_endpoint, stop_endpoint
from serving.services.endpoints import (
    change_endpoint,
    create_endpoint,
    roll_back_endpoint,
    set_decision_threshold,
)
from serving.services.exports import delete_export, export_model_version
from serving.services.log_policies import change_log_policy
from serving.services.rollouts import (
    Step,
    abort_rollout,
    change_rollout,
    create_rollout,
    pause_rollout,
    promote_rollout,
    resume_rollout,
    start_rollout,
)
from serving.services.scoring import score_dataset_version

__all__ = [
    "Step",
    "abort_rollout",
    "change_endpoint",
    "change_log_policy",
    "change_rollout",
    "change_weight",
    "create_endpoint",
    "create_rollout",
    "delete_export",
    "end_deployment",
    "export_model_version",
    "fall_back",
    "pause_rollout",
    "promote_rollout",
    "resume_rollout",
    "roll_back_endpoint",
    "score_dataset_version",
    "set_decision_threshold",
    "start_deployment",
    "start_endpoint",
    "start_rollout",
    "stop_endpoint",
]
