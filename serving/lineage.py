"""From an answer back to its beginnings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from core.errors import NotFound
from models_registry.selectors import lineage_of
from serving.models import Deployment
from serving.selectors.answerers import answerer_of
from serving.selectors.predictions import find_predictions


def prediction_lineage(*, project_id: int, prediction_id: UUID) -> dict[str, Any]:
    """Return where a prediction comes from, as JSON-compatible values.

    ``deployment`` is None where a caller asked for a version by its number or an alias that was not at work
    at the endpoint: nothing but that request had it answer.

    Raises
    ------
    NotFound
        The project has no such prediction.
    """
    record = find_predictions(project_id=project_id, prediction_ids=[prediction_id]).get(
        prediction_id
    )
    answerer = None
    if record is not None:
        answerer = answerer_of(
            project_id=project_id,
            endpoint_id=record.endpoint_id,
            deployment_id=record.deployment_id,
            model_version_id=record.model_version_id,
        )
    if record is None or answerer is None:
        raise NotFound("There is no such prediction.")
    return {
        "prediction": {
            "id": str(record.prediction_id),
            "at": record.at,
            "request_id": record.request_id,
            "token": record.token_prefix,
            "role": record.role,
            "features": record.features,
            "prediction": record.prediction,
            "probabilities": record.probabilities,
        },
        "endpoint": {"id": answerer.endpoint.pk, "name": answerer.endpoint.name},
        "deployment": None if answerer.deployment is None else _shown(answerer.deployment),
        **lineage_of(answerer.version),
    }


def _shown(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": deployment.pk,
        "role": deployment.role,
        "reason": deployment.reason,
        "started_at": deployment.started_at,
        "started_by": deployment.started_by.get_username() if deployment.started_by else None,
        "ended_at": deployment.ended_at,
    }
