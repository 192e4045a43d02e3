"""Moving aliases: the one act that puts a model into production."""

from __future__ import annotations

import re

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import NotFound
from models_registry.errors import (
    AliasMoved,
    AliasNameRefused,
    ApprovalNeeded,
    NothingToRollBackTo,
    VersionNotReady,
    VersionNotValidated,
)
from models_registry.locking import lock_model, lock_version
from models_registry.models import (
    Alias,
    AliasMove,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.selectors import CHAMPION, PREVIOUS, current_gate_results
from models_registry.services.approvals import is_approved

_ALIAS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
_RESERVED = re.compile(rf"^(latest|{PREVIOUS}|v\d+)$", re.IGNORECASE)


@transaction.atomic
def promote(
    *,
    principal: Principal,
    version: ModelVersion,
    alias: str = CHAMPION,
    reason: str = "",
    expected_version: int | None = None,
) -> Alias:
    """Point an alias at a version; what was champion before becomes ``previous``.

    Parameters
    ----------
    expected_version
        Id of the version that the alias points at as far as the caller knows; the alias is moved only
        when that is still so. Not checked when absent.

    Raises
    ------
    VersionNotReady, VersionNotValidated
        The version is not ready, or has not passed its gates (aliases other than ``champion`` may
        point at a version that has not).
    ApprovalNeeded
        The model asks for a second person's approval of exactly this artifact.
    AliasNameRefused
        The name is reserved or malformed.
    AliasMoved
        The alias does not point at ``expected_version`` any more.
    """
    principal.require(Permission.DEPLOY)
    if (
        not _ALIAS.fullmatch(alias)
        or _RESERVED.fullmatch(alias)
        or (alias.lower() == CHAMPION and alias != CHAMPION)
    ):
        raise AliasNameRefused(
            f"Use letters, digits, '-', '_', '.'; 'latest', '{PREVIOUS}' and 'v1' are reserved.",
            field="alias",
        )
    model, locked = lock_version(principal, version)
    if expected_version is not None:
        _refuse_if_moved(model, alias, expected_version)
    if locked.status != VersionStatus.READY:
        raise VersionNotReady(f"Version {locked.number} is {locked.status}.")
    if alias == CHAMPION:
        _refuse_unless_validated(locked)
        _refuse_unless_approved(model, locked)
    return _point(principal, model, alias, locked, reason)


@transaction.atomic
def rollback(*, principal: Principal, model: RegisteredModel, reason: str = "rollback") -> Alias:
    """Make the previous champion champion again; a second rollback returns to the first.

    Raises
    ------
    NothingToRollBackTo
        The model had no other champion.
    VersionNotReady
        The previous champion was retired or quarantined.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_model(principal, model.pk)
    previous = Alias.objects.filter(model=locked, name=PREVIOUS).select_related("version").first()
    if previous is None:
        raise NothingToRollBackTo("This model has had one champion only.")
    if previous.version.status != VersionStatus.READY:
        raise VersionNotReady(f"Version {previous.version.number} is {previous.version.status}.")
    return _point(principal, locked, CHAMPION, previous.version, reason)


@transaction.atomic
def remove_alias(*, principal: Principal, model: RegisteredModel, name: str) -> None:
    """Take an alias away; its history stays.

    Raises
    ------
    AliasNameRefused
        ``champion`` and ``previous`` can be moved, not taken away.
    NotFound
        The model has no such alias.
    """
    principal.require(Permission.DEPLOY)
    if name in (CHAMPION, PREVIOUS):
        raise AliasNameRefused(f"'{name}' can be moved only.", field="alias")
    locked = lock_model(principal, model.pk)
    alias = Alias.objects.filter(model=locked, name=name).select_related("version").first()
    if alias is None:
        raise NotFound(f"The model has no alias '{name}'.", field="alias")
    old = alias.version
    alias.delete()
    _keep_move(principal, locked, name, old, None, "removed")


def _refuse_if_moved(model: RegisteredModel, name: str, expected_version: int) -> None:
    present = Alias.objects.filter(model=model, name=name).select_related("version").first()
    if present is None or present.version_id != expected_version:
        found = "nothing" if present is None else f"version {present.version.number}"
        raise AliasMoved(f"The alias '{name}' points at {found} now.", field="expected_version")


def _refuse_unless_validated(version: ModelVersion) -> None:
    if version.validation in (Validation.PASSED, Validation.WAIVED):
        return
    failed = list(current_gate_results(version).filter(passed=False, required=True))
    listed = "; ".join(f"{result.name} ({result.reason})" for result in failed[:5])
    raise VersionNotValidated(
        f"Version {version.number} did not pass its gates"
        + (f": {listed}." if listed else f" (validation: {version.validation})."),
        gates=[
            {
                "name": result.name,
                "value": result.value,
                "threshold": result.threshold,
                "reason": result.reason,
            }
            for result in failed
        ],
    )


def _refuse_unless_approved(model: RegisteredModel, version: ModelVersion) -> None:
    if model.requires_approval and not is_approved(version):
        raise ApprovalNeeded("Ask for an approval of this version first.")


def _point(
    principal: Principal, model: RegisteredModel, name: str, version: ModelVersion, reason: str
) -> Alias:
    """Move an alias of a locked model and keep the move; pointing at the same version is no move."""
    present = Alias.objects.filter(model=model, name=name).select_related("version").first()
    if present is not None and present.version_id == version.pk:
        return present
    old = present.version if present else None
    alias, _ = Alias.objects.update_or_create(model=model, name=name, defaults={"version": version})
    _keep_move(principal, model, name, old, version, reason)
    if name == CHAMPION and old is not None:
        _point(principal, model, PREVIOUS, old, f"was champion before version {version.number}")
    return alias


def _keep_move(
    principal: Principal,
    model: RegisteredModel,
    name: str,
    old: ModelVersion | None,
    new: ModelVersion | None,
    reason: str,
) -> None:
    AliasMove.objects.create(
        model=model,
        name=name,
        from_version=old,
        to_version=new,
        reason=reason[:500],
        moved_by_id=principal.user_id,
        moved_by_name=principal.username,
    )
    audit.record(
        principal=principal,
        action="model_version.promoted" if name == CHAMPION else "alias.moved",
        target=new or model,
        summary=f"{name} of {model.name}: {reason}".rstrip(": "),
        changes={name: [old.number if old else None, new.number if new else None]},
    )
