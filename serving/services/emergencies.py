"""The stop button: live, an answer for emergencies, or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid
from models_registry.models import Alias, ModelVersion, VersionStatus
from models_registry.selectors import PREVIOUS
from models_registry.signatures import Signature
from serving import execution
from serving.errors import IllegalEndpointMove, NothingToFallBackTo
from serving.execution.rollouts import pause_rollouts
from serving.models import Deployment, Endpoint
from serving.selectors.deployments import champion_deployment
from serving.services.locking import lock_endpoint

_S = Endpoint.Status
#: The moves of an endpoint's state machine.
NEXT_STATUSES: Mapping[Endpoint.Status, frozenset[Endpoint.Status]] = {
    _S.LIVE: frozenset({_S.FALLBACK, _S.STOPPED}),
    _S.FALLBACK: frozenset({_S.LIVE, _S.STOPPED}),
    _S.STOPPED: frozenset({_S.LIVE, _S.FALLBACK}),
}
_STAND_INS = (Deployment.Role.FALLBACK, Deployment.Role.CONSTANT)


@transaction.atomic
def stop_endpoint(*, principal: Principal, endpoint: Endpoint) -> Endpoint:
    """Refuse predictions from now on, within a second.

    Raises
    ------
    IllegalEndpointMove
        It is stopped already.
    """
    return _move(principal, endpoint, Endpoint.Status.STOPPED)


@transaction.atomic
def start_endpoint(*, principal: Principal, endpoint: Endpoint) -> Endpoint:
    """Answer predictions with the champion again, within a second.

    Raises
    ------
    IllegalEndpointMove
        It is live already.
    """
    return _move(principal, endpoint, Endpoint.Status.LIVE)


@transaction.atomic
def fall_back(
    *,
    principal: Principal,
    endpoint: Endpoint,
    fallback: str | None = None,
    value: Any = None,
    reason: str = "",
) -> Endpoint:
    """Answer with the previous version or with a constant from now on, within a second.

    Parameters
    ----------
    fallback
        ``previous`` or ``constant``; what the endpoint's settings say when absent.
    value
        The constant; what the settings say when absent.

    Raises
    ------
    IllegalEndpointMove
        It does so already.
    NothingToFallBackTo
        The model has no previous version that is ready; there is no constant.
    Invalid
        The constant is no answer that the model could give.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    if fallback is not None:
        if fallback not in Endpoint.Fallback.values:
            raise Invalid("Choose 'previous' or 'constant'.", field="fallback")
        locked.fallback = fallback
    champion = champion_deployment(locked)
    if locked.fallback == Endpoint.Fallback.CONSTANT:
        if value is not None:
            locked.fallback_value = value
        if locked.fallback_value is None:
            raise NothingToFallBackTo("Say which constant.", field="value")
        if champion is None:
            raise NothingToFallBackTo("The endpoint has no version whose answer it could replace.")
        version, role = champion.model_version, Deployment.Role.CONSTANT
        locked.fallback_value = checked_constant(
            version.signature, locked.fallback_value, field="value"
        )
    else:
        version, role = _previous(locked), Deployment.Role.FALLBACK
    locked.save(update_fields=["fallback", "fallback_value"])
    moved = _move(principal, locked, Endpoint.Status.FALLBACK, reason=reason)
    execution.open_beside(
        moved,
        version,
        role,
        weight=1.0,
        reason=reason or "emergency",
        started_by_id=principal.user_id,
    )
    return moved


def checked_constant(signature: Mapping[str, Any], value: Any, *, field: str) -> Any:
    """Return a constant as a model with this signature would answer it.

    Raises
    ------
    Invalid
        It is no class of the model, or no finite number.
    """
    read = Signature.from_dict(dict(signature))
    if read.classes is not None:
        for one in read.classes:
            if type(one) is type(value) and one == value:
                return one
        known = ", ".join(map(repr, read.classes[:10]))
        raise Invalid(f"Choose one of the model's classes: {known}.", field=field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid("Give a finite number.", field=field)
    return float(value)


def _previous(endpoint: Endpoint) -> ModelVersion:
    alias = (
        Alias.objects.filter(model=endpoint.model, name=PREVIOUS).select_related("version").first()
    )
    if alias is None or alias.version.status != VersionStatus.READY:
        raise NothingToFallBackTo("The model has no previous champion that is ready.")
    return alias.version


def _move(
    principal: Principal, endpoint: Endpoint, status: Endpoint.Status, *, reason: str = ""
) -> Endpoint:
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    if status not in NEXT_STATUSES[Endpoint.Status(locked.status)]:
        raise IllegalEndpointMove(f"The endpoint is {locked.status} already.")
    before, locked.status = locked.status, status
    locked.save(update_fields=["status"])
    locked.deployments.filter(role__in=_STAND_INS, ended_at__isnull=True).update(ended_at=now())
    if status != Endpoint.Status.LIVE:
        pause_rollouts(
            locked, at=now(), principal=principal, note=f"The endpoint is {status.label.lower()}."
        )
    execution.announce_change()
    audit.record(
        principal=principal,
        action=f"endpoint.{status.value}",
        target=locked,
        summary=f"{locked.name}. {reason}".rstrip(". "),
        changes={"status": [before, status.value]},
    )
    return locked
