"""Approvals by a second person."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Conflict, Forbidden, NotFound
from models_registry.errors import IllegalApprovalMove, SecondPersonNeeded, VersionNotReady
from models_registry.locking import lock_version
from models_registry.models import (
    NEXT_APPROVAL_STATUSES,
    ApprovalRequest,
    ModelVersion,
    VersionStatus,
)

Status = ApprovalRequest.Status


@transaction.atomic
def request_approval(
    *, principal: Principal, version: ModelVersion, comment: str = ""
) -> ApprovalRequest:
    """Ask for a version's exact artifact to be approved.

    Raises
    ------
    VersionNotReady
        The version could not be promoted anyway.
    Conflict
        A request for this version is open, or this artifact was approved, already.
    """
    principal.require(Permission.EDIT)
    if principal.user_id is None:
        raise Forbidden("Only a person can ask for an approval.")
    _, locked = lock_version(principal, version)
    if locked.status != VersionStatus.READY:
        raise VersionNotReady(f"Version {locked.number} is {locked.status}.")
    if is_approved(locked):
        raise Conflict("This version is approved already.")
    try:
        with transaction.atomic():
            request = ApprovalRequest.objects.create(
                version=locked,
                artifact_digest=locked.artifact_digest,
                requested_by_id=principal.user_id,
                comment=comment,
            )
    except IntegrityError:
        raise Conflict("An approval of this version was asked for already.") from None
    audit.record(principal=principal, action="approval.asked", target=request, summary=str(locked))
    return request


@transaction.atomic
def decide_approval(
    *, principal: Principal, request: ApprovalRequest, approve: bool, comment: str = ""
) -> ApprovalRequest:
    """Approve or reject; never one's own request.

    Raises
    ------
    SecondPersonNeeded
        The caller asked for it, or is no person.
    IllegalApprovalMove
        The request was decided already.
    """
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, request)
    if principal.user_id is None or locked.requested_by_id == principal.user_id:
        raise SecondPersonNeeded("You asked for this approval yourself.")
    return _move(principal, locked, Status.APPROVED if approve else Status.REJECTED, comment)


@transaction.atomic
def withdraw_approval(*, principal: Principal, request: ApprovalRequest) -> ApprovalRequest:
    """Take one's own open request back.

    Raises
    ------
    Forbidden
        Somebody else asked for it.
    IllegalApprovalMove
        The request was decided already.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, request)
    if locked.requested_by_id != principal.user_id:
        raise Forbidden("Only who asked for an approval can withdraw the request.")
    return _move(principal, locked, Status.WITHDRAWN, "")


def expire_approvals(*, principal: Principal, version: ModelVersion, reason: str) -> None:
    """Let the open and the given approvals of a version lapse; call it in a transaction."""
    lapsing = [
        status for status, onward in NEXT_APPROVAL_STATUSES.items() if Status.EXPIRED in onward
    ]
    for request in version.approvals.select_for_update().filter(status__in=lapsing):
        _move(principal, request, Status.EXPIRED, reason)


def is_approved(version: ModelVersion) -> bool:
    """Whether a second person has approved exactly this artifact."""
    return version.approvals.filter(
        artifact_digest=version.artifact_digest, status=Status.APPROVED
    ).exists()


def _lock(principal: Principal, request: ApprovalRequest) -> ApprovalRequest:
    locked = (
        ApprovalRequest.objects.select_for_update()
        .filter(pk=request.pk, version__model__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such request.")
    return locked


def _move(
    principal: Principal, request: ApprovalRequest, to: ApprovalRequest.Status, comment: str
) -> ApprovalRequest:
    old = Status(request.status)
    if to not in NEXT_APPROVAL_STATUSES[old]:
        raise IllegalApprovalMove(f"The request is {old.value} already.")
    request.status = to
    if to is not Status.EXPIRED:  # who decided, and when, stays on an approval that lapses
        request.decided_by_id = principal.user_id
        request.decided_at = now()
        request.decision_comment = comment
    request.save(update_fields=["status", "decided_by", "decided_at", "decision_comment"])
    audit.record(
        principal=principal,
        action=f"approval.{to.value}",
        target=request,
        summary=comment or str(request.version),
        changes={"status": [old.value, to.value]},
    )
    return request
