"""From an answer back to its beginnings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from core.errors import NotFound
from models_registry.selectors import lineage_of
from serving.models import Deployment
from serving.selectors.predictions import find_predictions


def prediction_lineage(*, project_id: int, prediction_id: UUID) -> dict[str, Any]:
    """Return where a prediction comes from, as JSON-compatible values.

    Raises
    ------
    NotFound
        The project has no such prediction.
    """
    record = find_predictions(project_id=project_id, prediction_ids=[prediction_id]).get(
        prediction_id
    )
    deployment = None
    if record is not None:
        deployment = (
            Deployment.objects.filter(pk=record.deployment_id, endpoint__project_id=project_id)
            .select_related(
                "endpoint",
                "started_by",
                "model_version__model",
                "model_version__run",
                "model_version__dataset_version__dataset__project",
            )
            .first()
        )
    if record is None or deployment is None:
        raise NotFound("There is no such prediction.")
    return {
        "prediction": {
            "id": str(record.prediction_id),
            "at": record.at,
            "request_id": record.request_id,
            "token": record.token_prefix,
            "features": record.features,
            "prediction": record.prediction,
            "probabilities": record.probabilities,
        },
        "endpoint": {"id": deployment.endpoint_id, "name": deployment.endpoint.name},
        "deployment": {
            "id": deployment.pk,
            "role": deployment.role,
            "reason": deployment.reason,
            "started_at": deployment.started_at,
            "started_by": deployment.started_by.get_username() if deployment.started_by else None,
            "ended_at": deployment.ended_at,
        },
        **lineage_of(deployment.model_version),
    }
