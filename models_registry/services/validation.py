"""Running a version's gates again, and an administrator's word against them."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid
from jobs import services as job_services
from jobs.models import Job
from models_registry.errors import IllegalVersionMove, VersionNotReady
from models_registry.locking import lock_version
from models_registry.models import ModelVersion, Validation, VersionStatus
from models_registry.recording import move_validation

_KIND = "evaluate"
_USABLE = (VersionStatus.READY, VersionStatus.QUARANTINED)


@transaction.atomic
def request_evaluation(
    *, principal: Principal, version: ModelVersion, idempotency_key: str | None = None
) -> Job:
    """Ask for the gates of a version to be run again, as they are now.

    Until the job has ended, the version counts as not validated.

    Raises
    ------
    VersionNotReady
        The version's files are not in use (any more).
    IllegalVersionMove
        Its gates are being run already.
    """
    principal.require(Permission.EDIT)
    _, locked = lock_version(principal, version)
    is_repeated = idempotency_key is not None and job_services.find_by_key(
        principal=principal, kind=_KIND, idempotency_key=idempotency_key
    )
    if not is_repeated:
        if locked.status not in _USABLE:
            raise VersionNotReady(f"Version {locked.number} is {locked.status}.")
        if locked.validation == Validation.RUNNING:
            raise IllegalVersionMove("The gates of this version are being run already.")
        move_validation(locked, Validation.RUNNING)
    return job_services.enqueue(
        principal=principal,
        kind=_KIND,
        arguments={"model_version": locked.pk},
        title=f"Run the gates of {locked}",
        idempotency_key=idempotency_key,
    )


@transaction.atomic
def waive(*, principal: Principal, version: ModelVersion, reason: str) -> ModelVersion:
    """Let a version through although gates failed; an administrator's word, kept on the audit trail.

    Raises
    ------
    Invalid
        No reason was given.
    IllegalVersionMove
        The gates have not failed.
    """
    principal.require(Permission.ADMIN)
    if not reason.strip():
        raise Invalid("Say why the failed gates do not matter.", field="reason")
    _, locked = lock_version(principal, version)
    old = locked.validation
    move_validation(locked, Validation.WAIVED)
    audit.record(
        principal=principal,
        action="model_version.waived",
        target=locked,
        summary=reason,
        changes={"validation": [old, Validation.WAIVED.value]},
    )
    return locked
