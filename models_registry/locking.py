"""Locks of this room's rows: the model first, then its version, everywhere."""

from __future__ import annotations

from accounts.principals import Principal
from core.errors import NotFound
from models_registry.models import ModelVersion, RegisteredModel


def lock_model(principal: Principal, model_id: int) -> RegisteredModel:
    """Return a model of the caller's project, locked until the transaction ends.

    Raises
    ------
    NotFound
        There is none, or it belongs to another project.
    """
    model = (
        RegisteredModel.objects.select_for_update()
        .filter(pk=model_id, project_id=principal.project_id)
        .first()
    )
    if model is None:
        raise NotFound("There is no such model.")
    return model


def lock_version(
    principal: Principal, version: ModelVersion
) -> tuple[RegisteredModel, ModelVersion]:
    """Return a version with its model, both locked until the transaction ends.

    Raises
    ------
    NotFound
        There is none, or it belongs to another project.
    """
    model = lock_model(principal, version.model_id)
    locked = ModelVersion.objects.select_for_update().filter(pk=version.pk, model=model).first()
    if locked is None:
        raise NotFound("There is no such model version.")
    locked.model = model
    return model, locked
