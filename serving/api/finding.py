"""Rows that a request names."""

from __future__ import annotations

from core.errors import NotFound
from models_registry.models import ModelVersion
from serving.models import Endpoint


def version_of_endpoint(endpoint: Endpoint, number: int) -> ModelVersion:
    """Return the version of an endpoint's model with this number.

    Raises
    ------
    NotFound
        There is none.
    """
    found = (
        ModelVersion.objects.filter(model_id=endpoint.model_id, number=number)
        .select_related("model")
        .first()
    )
    if found is None:
        raise NotFound(f"The model has no version {number}.", field="version")
    return found
