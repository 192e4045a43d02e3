"""Approvals by a second person."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Conflict, Forbidden, NotFound
from models_registry.errors import IllegalVersionMove, SecondPersonNeeded
from models_registry.models import NEXT_APPROVAL_STATUSES, ApprovalRequest, ModelVersion


@transaction.atomic
def request_approval(
    *, principal: Principal, version: ModelVersion, comment: str = ""
) -> ApprovalRequest:
    """Ask for a version's exact artifact to be approved.

    Raises
    ------
    Conflict
        A request for this version is open already.
    """
    principal.require(Permission.EDIT)
    if principal.user_id is None:
        raise Forbidden("Only a person can ask for an approval.")
    try:
        with transaction.atomic():
            request = ApprovalRequest.objects.create(
                version=version,
                artifact_digest=version.artifact_digest,
                requested_by_id=principal.user_id,
                comment=comment,
            )
    except IntegrityError:
        raise Conflict("An approval of this version was asked for already.") from None
    audit.record(principal=principal, action="approval.asked", target=request, summary=str(version))
    return request


@transaction.atomic
def decide_approval(
    *, principal: Principal, request: ApprovalRequest, approve: bool, comment: str = ""
) -> ApprovalRequest:
    """Approve or reject; never one's own request.

    Raises
    ------
    SecondPersonNeeded
        The caller asked for it.
    IllegalVersionMove
        The request was decided already.
    """
    principal.require(Permission.DEPLOY)
    locked = (
        ApprovalRequest.objects.select_for_update()
        .filter(pk=request.pk, version__model__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such request.")
    if principal.user_id is None or locked.requested_by_id == principal.user_id:
        raise SecondPersonNeeded("You asked for this approval yourself.")
    to = ApprovalRequest.Status.APPROVED if approve else ApprovalRequest.Status.REJECTED
    if to not in NEXT_APPROVAL_STATUSES[ApprovalRequest.Status(locked.status)]:
        raise IllegalVersionMove(f"The request is {locked.status} already.")
    locked.status = to
    locked.decided_by_id = principal.user_id
    locked.decided_at = now()
    locked.comment = comment or locked.comment
    locked.save()
    audit.record(principal=principal, action=f"approval.{to.value}", target=locked, summary=comment)
    return locked
