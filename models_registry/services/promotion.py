"""Moving aliases: the one act that puts a model into production."""

from __future__ import annotations

import re

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import NotFound
from models_registry.errors import (
    AliasNameRefused,
    ApprovalNeeded,
    NothingToRollBackTo,
    VersionNotReady,
    VersionNotValidated,
)
from models_registry.models import (
    Alias,
    AliasMove,
    ApprovalRequest,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.selectors import CHAMPION

PREVIOUS = "previous"
_ALIAS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
_RESERVED = re.compile(r"^(latest|v\d+)$", re.IGNORECASE)


@transaction.atomic
def promote(
    *, principal: Principal, version: ModelVersion, alias: str = CHAMPION, reason: str = ""
) -> Alias:
    """Point an alias at a version; what was champion before becomes ``previous``.

    Raises
    ------
    VersionNotReady, VersionNotValidated
        The version is not ready, or has not passed its gates (aliases other than ``champion`` may
        point at a version that has not).
    ApprovalNeeded
        The model asks for a second person's approval of exactly this artifact.
    AliasNameRefused
        The name is reserved or malformed.
    """
    principal.require(Permission.DEPLOY)
    if not _ALIAS.match(alias) or _RESERVED.match(alias):
        raise AliasNameRefused("Use letters, digits, '-', '_', '.'; not 'latest'.", field="alias")
    model, locked = _lock(principal, version)
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
    locked = _lock_model(principal, model.pk)
    previous = Alias.objects.filter(model=locked, name=PREVIOUS).select_related("version").first()
    if previous is None:
        raise NothingToRollBackTo("This model has had one champion only.")
    if previous.version.status != VersionStatus.READY:
        raise VersionNotReady(f"Version {previous.version.number} is {previous.version.status}.")
    return _point(principal, locked, CHAMPION, previous.version, reason)


def _lock_model(principal: Principal, model_id: int) -> RegisteredModel:
    model = (
        RegisteredModel.objects.select_for_update()
        .filter(pk=model_id, project_id=principal.project_id)
        .first()
    )
    if model is None:
        raise NotFound("There is no such model.")
    return model


def _lock(principal: Principal, version: ModelVersion) -> tuple[RegisteredModel, ModelVersion]:
    model = _lock_model(principal, version.model_id)
    return model, ModelVersion.objects.select_for_update().get(pk=version.pk)


def _refuse_unless_validated(version: ModelVersion) -> None:
    if version.validation in (Validation.PASSED, Validation.WAIVED):
        return
    failed = version.gate_results.filter(is_current=True, passed=False, required=True)
    listed = "; ".join(f"{result.name} ({result.reason})" for result in failed[:5])
    raise VersionNotValidated(
        f"Version {version.number} did not pass its gates"
        + (f": {listed}." if listed else f" (validation: {version.validation}).")
    )


def _refuse_unless_approved(model: RegisteredModel, version: ModelVersion) -> None:
    if not model.requires_approval:
        return
    approved = ApprovalRequest.objects.filter(
        version=version,
        artifact_digest=version.artifact_digest,
        status=ApprovalRequest.Status.APPROVED,
    )
    if not approved.exists():
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
    AliasMove.objects.create(
        model=model,
        name=name,
        from_version=old,
        to_version=version,
        reason=reason[:500],
        moved_by_id=principal.user_id,
        moved_by_name=principal.username,
    )
    audit.record(
        principal=principal,
        action="model_version.promoted" if name == CHAMPION else "alias.moved",
        target=version,
        summary=f"{name} of {model.name}: {reason}".rstrip(": "),
        changes={name: [old.number if old else None, version.number]},
    )
    if name == CHAMPION and old is not None:
        _point(principal, model, PREVIOUS, old, f"was champion before version {version.number}")
    return alias
