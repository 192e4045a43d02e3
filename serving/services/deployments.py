"""Canaries and shadows that people start, weigh and end."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from models_registry.models import ModelVersion
from serving import execution
from serving.errors import AtWorkAlready, IllegalEndpointMove, RolloutUnderWay
from serving.models import Deployment, Endpoint
from serving.models.rollouts import UNDER_WAY
from serving.services.locking import check_deployable, lock_endpoint

_BESIDE = (Deployment.Role.CANARY, Deployment.Role.SHADOW)
#: Shares that add up to 1 may miss it by rounding.
_ROUNDING = 1e-9


@transaction.atomic
def start_deployment(
    *,
    principal: Principal,
    endpoint: Endpoint,
    version: ModelVersion,
    role: str,
    weight: float = 0.0,
    group: str = "",
    reason: str = "",
) -> Deployment:
    """Let a version work beside the champion, within a second.

    Parameters
    ----------
    role
        ``canary``: it answers its share of the callers; ``shadow``: it answers for the log only.
    weight
        The share of a canary, 0 to 1.
    group
        Name of the A/B group that is written into the prediction log.

    Raises
    ------
    VersionNotDeployable, VersionNotValidated
        See :func:`~serving.services.locking.check_deployable`.
    AtWorkAlready
        It is the champion, or works beside it.
    RolloutUnderWay
        A rollout has the endpoint's canary.
    Invalid
        There is no such role, or the shares would add up to more than 1.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    if role not in _BESIDE:
        raise Invalid("Choose 'canary' or 'shadow'.", field="role")
    is_canary = role == Deployment.Role.CANARY
    check_deployable(locked, version, answers_callers=is_canary)
    refuse_if_at_work(locked, version)
    if is_canary:
        if locked.rollouts.filter(status__in=UNDER_WAY).exists():
            raise RolloutUnderWay("A rollout of this endpoint has not ended yet.")
        check_weight(locked, weight)
    deployment = execution.open_beside(
        locked,
        version,
        Deployment.Role(role),
        weight=weight if is_canary else 0.0,
        group=group,
        reason=reason,
        started_by_id=principal.user_id,
    )
    audit.record(
        principal=principal,
        action="deployment.started",
        target=deployment,
        summary=f"{locked.name}: {version} as {role}",
        changes={"weight": [None, deployment.weight], "group": ["", group]},
    )
    return deployment


@transaction.atomic
def change_weight(*, principal: Principal, deployment: Deployment, weight: float) -> Deployment:
    """Give a canary another share of the traffic, within a second; a growing share only adds keys.

    Raises
    ------
    IllegalEndpointMove
        It is no canary at work.
    RolloutUnderWay
        A rollout decides about its share.
    Invalid
        The shares would add up to more than 1.
    """
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, deployment)
    if locked.role != Deployment.Role.CANARY:
        raise IllegalEndpointMove("Only a canary has a share of its own.")
    _refuse_if_of_rollout(locked)
    check_weight(locked.endpoint, weight, besides=locked)
    before = locked.weight
    execution.weigh(locked, weight)
    audit.record(
        principal=principal,
        action="deployment.weighed",
        target=locked,
        summary=f"{locked.endpoint.name}: {locked.model_version}",
        changes={"weight": [before, weight]},
    )
    return locked


@transaction.atomic
def end_deployment(*, principal: Principal, deployment: Deployment, reason: str = "") -> Deployment:
    """End the work of a canary or shadow, within a second; the champion takes its callers.

    Raises
    ------
    IllegalEndpointMove
        It has ended, or is neither.
    RolloutUnderWay
        A rollout decides about it.
    """
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, deployment)
    if locked.role not in _BESIDE:
        raise IllegalEndpointMove("Only canaries and shadows are ended.")
    _refuse_if_of_rollout(locked)
    execution.end_work(locked)
    audit.record(
        principal=principal,
        action="deployment.ended",
        target=locked,
        summary=f"{locked.endpoint.name}: {locked.model_version}. {reason}".rstrip(". "),
    )
    locked.refresh_from_db()
    return locked


def check_weight(endpoint: Endpoint, weight: float, *, besides: Deployment | None = None) -> None:
    """Refuse a share that does not fit beside the other canaries'.

    Raises
    ------
    Invalid
        It is no share, or too large.
    """
    if not 0.0 <= weight <= 1.0:
        raise Invalid("A share lies between 0 and 1.", field="weight")
    others = endpoint.deployments.filter(role=Deployment.Role.CANARY, ended_at__isnull=True)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    taken = sum(others.values_list("weight", flat=True))
    if taken + weight > 1.0 + _ROUNDING:
        raise Invalid(f"Other canaries have {taken:.0%} of the traffic.", field="weight")


def refuse_if_at_work(endpoint: Endpoint, version: ModelVersion) -> None:
    """Refuse a version that is the champion or works beside it.

    Raises
    ------
    AtWorkAlready
        It does.
    """
    found = endpoint.deployments.filter(
        model_version=version,
        ended_at__isnull=True,
        role__in=(*_BESIDE, Deployment.Role.CHAMPION),
    ).first()
    if found is not None:
        raise AtWorkAlready(
            f"Version {version.number} is at work as {found.role}.", field="model_version"
        )


def _refuse_if_of_rollout(deployment: Deployment) -> None:
    if deployment.rollouts.filter(status__in=UNDER_WAY).exists():
        raise RolloutUnderWay("A rollout decides about it: pause or abort that.")


def _lock(principal: Principal, deployment: Deployment) -> Deployment:
    """Return a deployment at work, locked after its endpoint."""
    lock_endpoint(principal, deployment.endpoint)
    locked = (
        Deployment.objects.select_for_update(of=("self",))
        .select_related("endpoint__model", "model_version__model")
        .filter(pk=deployment.pk, endpoint__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such deployment.")
    if locked.ended_at is not None:
        raise IllegalEndpointMove("The deployment has ended.")
    return locked
