"""Rows that nobody else changes until the transaction ends."""

from __future__ import annotations

from accounts.principals import Principal
from core.errors import NotFound
from models_registry.errors import VersionNotValidated
from models_registry.models import ModelVersion, Validation, VersionStatus
from serving.errors import VersionNotDeployable
from serving.models import Endpoint


def lock_endpoint(principal: Principal, endpoint: Endpoint) -> Endpoint:
    """Return the caller's endpoint, locked.

    Raises
    ------
    NotFound
        The caller's project has no such endpoint.
    """
    locked = (
        Endpoint.objects.select_for_update(of=("self",))
        .select_related("model", "project")
        .filter(pk=endpoint.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such endpoint.")
    return locked


def check_deployable(endpoint: Endpoint, version: ModelVersion, *, answers_callers: bool) -> None:
    """Refuse a version that cannot work at an endpoint.

    Raises
    ------
    VersionNotDeployable
        It belongs to another model, or is not ready.
    VersionNotValidated
        It has not passed its gates, and would answer callers.
    """
    if version.model_id != endpoint.model_id:
        raise VersionNotDeployable(
            f"It is no version of '{endpoint.model.name}'.", field="model_version"
        )
    if version.status != VersionStatus.READY:
        raise VersionNotDeployable(
            f"Version {version.number} is {version.status}.", field="model_version"
        )
    if answers_callers and version.validation not in (Validation.PASSED, Validation.WAIVED):
        raise VersionNotValidated(
            f"Version {version.number} did not pass its gates.", field="model_version"
        )
