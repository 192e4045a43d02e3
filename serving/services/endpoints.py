"""Writes that concern endpoints."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from models_registry import services as registry
from models_registry.models import RegisteredModel
from models_registry.selectors import champion_of
from serving import execution
from serving.errors import EndpointNameTaken, IllegalEndpointMove, NoChampion
from serving.models import Deployment, Endpoint, endpoint_name


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
def change_endpoint(
    *,
    principal: Principal,
    endpoint: Endpoint,
    description: str | None = None,
    is_open: bool | None = None,
) -> Endpoint:
    """Change what people read about an endpoint, or whether it answers without a token; None leaves as it is.

    Raises
    ------
    PermissionMissing
        Opening an endpoint to everyone takes an administrator of the project.
    """
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, endpoint)
    changes: dict[str, list[object]] = {}
    for attribute, value in (("description", description), ("is_open", is_open)):
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


def stop_endpoint(*, principal: Principal, endpoint: Endpoint) -> Endpoint:
    """Refuse predictions from now on, within a second.

    Raises
    ------
    IllegalEndpointMove
        It is stopped already.
    """
    return _move(principal, endpoint, Endpoint.Status.STOPPED)


def start_endpoint(*, principal: Principal, endpoint: Endpoint) -> Endpoint:
    """Answer predictions again, within a second.

    Raises
    ------
    IllegalEndpointMove
        It is live already.
    """
    return _move(principal, endpoint, Endpoint.Status.LIVE)


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
    locked = _lock(principal, endpoint)
    registry.rollback(principal=principal, model=locked.model, reason=reason)
    deployment = execution.follow_champion(locked, principal=principal)
    assert deployment is not None, "a model that was rolled back has a champion"
    return deployment


@transaction.atomic
def _move(principal: Principal, endpoint: Endpoint, status: Endpoint.Status) -> Endpoint:
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, endpoint)
    if locked.status == status:
        raise IllegalEndpointMove(f"The endpoint is {locked.status} already.")
    before, locked.status = locked.status, status
    locked.save(update_fields=["status"])
    execution.announce_change()
    audit.record(
        principal=principal,
        action=f"endpoint.{status.value}",
        target=locked,
        summary=locked.name,
        changes={"status": [before, status.value]},
    )
    return locked


def _lock(principal: Principal, endpoint: Endpoint) -> Endpoint:
    locked = (
        Endpoint.objects.select_for_update(of=("self",))
        .select_related("model")
        .filter(pk=endpoint.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such endpoint.")
    return locked
