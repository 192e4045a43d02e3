"""One prediction as people see it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from core.errors import NotFound
from serving.selectors.predictions import find_predictions


def prediction_detail(project_id: int, prediction_id: UUID) -> dict[str, Any]:
    """Return a prediction as it is shown.

    Raises
    ------
    NotFound
        The project has no such prediction.
    """
    found = find_predictions(project_id=project_id, prediction_ids=[prediction_id])
    if prediction_id not in found:
        raise NotFound("There is no such prediction.")
    record = found[prediction_id]
    truth = import_string(settings.GROUND_TRUTH_OF)(
        project_id=project_id, prediction_id=prediction_id
    )
    return {
        "prediction_id": str(record.prediction_id),
        "request_id": record.request_id,
        "at": record.at,
        "endpoint_id": record.endpoint_id,
        "deployment_id": record.deployment_id,
        "model_version_id": record.model_version_id,
        "role": record.role,
        "token_prefix": record.token_prefix,
        "entity_key": record.entity_key,
        "features": record.features,
        "prediction": record.prediction,
        "probabilities": record.probabilities,
        "decision": record.decision,
        "threshold": record.threshold,
        "ground_truth": truth,
        "lineage": reverse("prediction-lineage", args=[record.prediction_id]),
    }
