"""The moves of a version's status."""

from __future__ import annotations

from django.db import transaction

from accounts.policy import Permission
from accounts.principals import Principal
from models_registry.errors import IllegalVersionMove, VersionInUse
from models_registry.locking import lock_version
from models_registry.models import ModelVersion, VersionStatus
from models_registry.registering import move_status
from models_registry.selectors import PREVIOUS
from models_registry.services.approvals import expire_approvals


@transaction.atomic
def move_version(
    *, principal: Principal, version: ModelVersion, to: VersionStatus, reason: str = ""
) -> ModelVersion:
    """Move a version to another status.

    Raises
    ------
    IllegalVersionMove
        The state machine does not know the move.
    NotFound
        The version belongs to another project.
    """
    _, locked = lock_version(principal, version)
    return move_status(principal, locked, to, reason)


@transaction.atomic
def quarantine(*, principal: Principal, version: ModelVersion, reason: str) -> ModelVersion:
    """Forbid a version to be promoted until it is released; its approvals expire."""
    principal.require(Permission.DEPLOY)
    return _take_away(principal, version, VersionStatus.QUARANTINED, reason)


@transaction.atomic
def retire(*, principal: Principal, version: ModelVersion, reason: str = "") -> ModelVersion:
    """Take a version out of use for good; its approvals expire."""
    principal.require(Permission.DEPLOY)
    return _take_away(principal, version, VersionStatus.RETIRED, reason)


@transaction.atomic
def release(*, principal: Principal, version: ModelVersion, reason: str = "") -> ModelVersion:
    """Let a quarantined version be promoted again."""
    principal.require(Permission.DEPLOY)
    _, locked = lock_version(principal, version)
    if locked.status != VersionStatus.QUARANTINED:
        raise IllegalVersionMove(f"The version is {locked.status}, not quarantined.")
    return move_version(principal=principal, version=locked, to=VersionStatus.READY, reason=reason)


def _take_away(
    principal: Principal, version: ModelVersion, to: VersionStatus, reason: str
) -> ModelVersion:
    """Move a version that no alias points at; ``previous`` does not count, it is a memory only."""
    _, locked = lock_version(principal, version)
    alias = locked.aliases.exclude(name=PREVIOUS).first()
    if alias is not None:
        raise VersionInUse(f"The alias '{alias.name}' points at this version; move it first.")
    moved = move_version(principal=principal, version=locked, to=to, reason=reason)
    expire_approvals(principal=principal, version=moved, reason=f"the version is {to.value}")
    return moved
