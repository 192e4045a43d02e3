"""Endpoints: made, changed, and led back to the champion before."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from models_registry import services as registry
from models_registry.decisions import ThresholdRefused, check_threshold
from models_registry.models import RegisteredModel
from models_registry.selectors import champion_of
from models_registry.signatures import Signature
from serving import execution
from serving.errors import EndpointNameTaken, NoChampion
from serving.models import Deployment, Endpoint, endpoint_name
from serving.selectors.deployments import champion_deployment
from serving.services.emergencies import checked_constant
from serving.services.locking import lock_endpoint


@transaction.atomic
def create_endpoint(
    *, principal: Principal, name: str, model: RegisteredModel, description: str = ""
) -> Endpoint:
    """Make a name under which applications ask a model's champion; it answers within a second.

    Raises
    ------
    NoChampion
        No version of the model was promoted to champion.
    EndpointNameTaken
        The project has an endpoint of this name.
    Invalid
        The name cannot be part of an address.
    """
    principal.require(Permission.DEPLOY)
    if model.project_id != principal.project_id:
        raise NotFound("There is no such model.", field="model")
    try:
        endpoint_name(name)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="name") from error
    version = champion_of(model)
    if version is None:
        raise NoChampion(f"Promote a version of '{model.name}' to champion first.", field="model")
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(
                project_id=principal.project_id,
                name=name,
                description=description,
                model=model,
                created_by_id=principal.user_id,
            )
    except IntegrityError as error:
        raise EndpointNameTaken(f"There is an endpoint '{name}' already.", field="name") from error
    execution.open_deployment(endpoint, version)
    audit.record(
        principal=principal,
        action="endpoint.created",
        target=endpoint,
        summary=f"{name} serves the champion of {model.name}",
    )
    return endpoint


@transaction.atomic
def set_decision_threshold(
    *, principal: Principal, endpoint: Endpoint, threshold: float | None
) -> Endpoint:
    """Let an endpoint decide at a threshold of its own; None: at that of the version that answers.

    Raises
    ------
    models_registry.decisions.ThresholdRefused
        The champion's answers are not decided by a threshold, or not by this one.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    before = locked.decision_threshold
    if threshold == before:
        return locked
    champion = champion_deployment(locked)
    if threshold is not None and champion is not None:
        try:
            check_threshold(Signature.from_dict(champion.model_version.signature), threshold)
        except ThresholdRefused as refusal:
            raise ThresholdRefused(refusal.message, field="decision_threshold") from None
    execution.announce_change()
    locked.decision_threshold = threshold
    locked.save(update_fields=["decision_threshold"])
    audit.record(
        principal=principal,
        action="endpoint.threshold_changed",
        target=locked,
        summary=f"{locked.name}: {'that of the version' if threshold is None else f'{threshold:g}'}",
        changes={"decision_threshold": [before, threshold]},
    )
    return locked


@transaction.atomic
def change_endpoint(
    *,
    principal: Principal,
    endpoint: Endpoint,
    description: str | None = None,
    is_open: bool | None = None,
    entity_column: str | None = None,
    fallback: str | None = None,
    fallback_value: Any = None,
) -> Endpoint:
    """Change what people read about an endpoint and how it treats its callers; None leaves as it is.

    Parameters
    ----------
    is_open
        Whether it answers without a token.
    entity_column
        The input that keeps its version; empty: none.
    fallback, fallback_value
        What answers in an emergency.

    Raises
    ------
    Invalid
        The champion has no such input, or could not give such an answer.
    PermissionMissing
        Opening an endpoint to everyone takes an administrator of the project.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    changes: dict[str, list[object]] = {}
    if fallback is not None and fallback not in Endpoint.Fallback.values:
        raise Invalid("Choose 'previous' or 'constant'.", field="fallback")
    champion = champion_deployment(locked)
    if champion is not None:
        signature = champion.model_version.signature
        if entity_column and entity_column not in Signature.from_dict(signature).names:
            raise Invalid(f"The model has no input '{entity_column}'.", field="entity_column")
        if fallback_value is not None:
            fallback_value = checked_constant(signature, fallback_value, field="fallback_value")
    for attribute, value in (
        ("description", description),
        ("is_open", is_open),
        ("entity_column", entity_column),
        ("fallback", fallback),
        ("fallback_value", fallback_value),
    ):
        before = getattr(locked, attribute)
        if value is not None and value != before:
            changes[attribute] = [before, value]
            setattr(locked, attribute, value)
    if not changes:
        return locked
    if "is_open" in changes:
        principal.require(Permission.ADMIN)
    execution.announce_change()
    locked.save(update_fields=list(changes))
    audit.record(
        principal=principal,
        action="endpoint.changed",
        target=locked,
        summary=locked.name,
        changes=changes,
    )
    return locked


@transaction.atomic
def roll_back_endpoint(
    *, principal: Principal, endpoint: Endpoint, reason: str = "rolled back"
) -> Deployment:
    """Make the previous champion of the endpoint's model champion again and serve it.

    Raises
    ------
    models_registry.errors.NothingToRollBackTo
        The model has had one champion only.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    registry.rollback(principal=principal, model=locked.model, reason=reason)
    deployment = execution.follow_champion(locked, principal=principal)
    assert deployment is not None, "a model that was rolled back has a champion"
    return deployment
