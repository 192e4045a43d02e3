"""The serving room in the admin."""

from serving.admin.deployments import DeploymentAdmin
from serving.admin.endpoints import EndpointAdmin
from serving.admin.exports import ModelExportAdmin
from serving.admin.rollouts import RolloutAdmin
from serving.admin.scoring import BatchScoringAdmin

__all__ = [
    "BatchScoringAdmin",
    "DeploymentAdmin",
    "EndpointAdmin",
    "ModelExportAdmin",
    "RolloutAdmin",
]
