"""Asking for a data subject to be erased, confirming it as a second person, and going on after a stop."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Forbidden, Invalid, NotFound
from core.fingerprints import fingerprint
from core.sealing import seal
from datasets.errors import (
    ErasureUnderWay,
    IllegalErasureMove,
    NoSubjectKey,
    OtherPersonNeeded,
    SubjectDiffers,
    VersionNotReady,
)
from datasets.execution.erasure import move_erasure
from datasets.execution.erasure.jobs import PURPOSE
from datasets.models import DatasetVersion, ErasureRequest, ErasureStatus
from datasets.selectors.erasure import is_known_column, subject_columns
from jobs import services as job_services
from jobs.models import Job

_MOST_CHARACTERS = 500


@transaction.atomic
def request_erasure(
    *, principal: Principal, subject: str, column: str = "", reason: str = ""
) -> ErasureRequest:
    """Ask for all rows of a person to be erased; a job searches for them, and nothing is changed yet.

    Parameters
    ----------
    subject
        The value of the key. It is kept sealed until the erasure has ended, and then wiped.
    column
        The column that holds the key; those with the role *subject key*, when absent.

    Raises
    ------
    Invalid
        The value is empty or too long.
    NoSubjectKey
        No dataset of the project has such a column.
    ErasureUnderWay
        The same was asked for before, and has not ended.
    """
    principal.require(Permission.EDIT)
    if principal.user_id is None:
        raise Forbidden("Only a person can ask for an erasure.")
    value = _checked(subject)
    if len(reason) > _MOST_CHARACTERS:
        raise Invalid("A reason has at most 500 characters.", field="reason")
    if column and not is_known_column(principal.project_id, column):
        raise NoSubjectKey(f"No dataset has a column '{column[:100]}'.", field="column")
    if not column and not subject_columns(principal.project_id):
        raise NoSubjectKey(
            "No column has the role 'subject key'. Give a column that role, or name one.",
            field="column",
        )
    try:
        with transaction.atomic():
            request = ErasureRequest.objects.create(
                project_id=principal.project_id,
                column=column,
                subject_sealed=seal({"subject": value}),
                subject_hash=fingerprint(value, purpose=PURPOSE),
                reason=reason.strip(),
                requested_by_id=principal.user_id,
            )
    except IntegrityError:
        raise ErasureUnderWay(field="subject") from None
    audit.record(
        principal=principal,
        action="erasure.asked",
        target=request,
        summary=str(request),
        changes={"subject_hash": request.subject_hash, "column": column},
    )
    return _enqueue(principal, request, "search_subject")


@transaction.atomic
def search_again(*, principal: Principal, request: ErasureRequest) -> ErasureRequest:
    """Search once more, before somebody confirms what was found.

    Raises
    ------
    IllegalErasureMove
        The erasure was confirmed already, or has ended.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, request)
    if locked.status != ErasureStatus.OPEN:
        locked = move_erasure(principal=principal, request=locked, to=ErasureStatus.OPEN)
    return _enqueue(principal, locked, "search_subject")


@transaction.atomic
def confirm_erasure(
    *, principal: Principal, request: ErasureRequest, subject: str, comment: str = ""
) -> ErasureRequest:
    """Confirm as a second person that exactly this subject is to be erased; the erasure begins.

    Parameters
    ----------
    subject
        The value of the key once more, from the second person's own papers: it is never shown.

    Raises
    ------
    OtherPersonNeeded
        The caller asked for the erasure, or is no person.
    SubjectDiffers
        The value is another one.
    IllegalErasureMove
        It was not searched for yet, or was decided already.
    """
    principal.require(Permission.ADMIN)
    locked = _decidable(principal, request)
    locked.check_move(ErasureStatus.CONFIRMED)
    if fingerprint(_checked(subject), purpose=PURPOSE) != locked.subject_hash:
        raise SubjectDiffers("This is not the subject that the request names.", field="subject")
    locked = _decide(principal, locked, ErasureStatus.CONFIRMED, comment)
    return _enqueue(principal, locked, "erase_subject")


@transaction.atomic
def reject_erasure(
    *, principal: Principal, request: ErasureRequest, comment: str = ""
) -> ErasureRequest:
    """Refuse an erasure as a second person; the key is wiped.

    Raises
    ------
    OtherPersonNeeded, IllegalErasureMove
        As :func:`confirm_erasure`.
    """
    principal.require(Permission.ADMIN)
    return _decide(principal, _decidable(principal, request), ErasureStatus.REJECTED, comment)


@transaction.atomic
def withdraw_erasure(*, principal: Principal, request: ErasureRequest) -> ErasureRequest:
    """Take one's own request back before it is confirmed; the key is wiped.

    Raises
    ------
    Forbidden
        Somebody else asked for it.
    IllegalErasureMove
        It was confirmed already, or has ended.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, request)
    if locked.requested_by_id != principal.user_id:
        raise Forbidden("Only who asked for an erasure can withdraw the request.")
    return move_erasure(principal=principal, request=locked, to=ErasureStatus.WITHDRAWN)


@transaction.atomic
def resume_erasure(*, principal: Principal, request: ErasureRequest) -> ErasureRequest:
    """Go on with an erasure that broke off after it had begun.

    Raises
    ------
    IllegalErasureMove
        It did not break off.
    """
    principal.require(Permission.ADMIN)
    locked = _lock(principal, request)
    if locked.status != ErasureStatus.FAILED:
        raise IllegalErasureMove(f"An erasure that is {locked.status} did not break off.")
    locked = move_erasure(principal=principal, request=locked, to=ErasureStatus.CONFIRMED, error="")
    return _enqueue(principal, locked, "erase_subject")


@transaction.atomic
def verify_version(*, principal: Principal, version: DatasetVersion) -> Job:
    """Ask for a version's rows to be read again and compared with the recorded digest.

    Raises
    ------
    NotFound
        The version is another project's.
    VersionNotReady
        It has no rows.
    """
    principal.require(Permission.EDIT)
    if version.dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset version.")
    if not version.has_rows:
        raise VersionNotReady(f"{version} has no rows to verify.")
    return job_services.enqueue(
        principal=principal,
        kind="verify_version",
        arguments={"dataset_version": version.pk},
        title=f"Verify {version}",
    )


def _checked(subject: str) -> str:
    value = subject.strip()
    if not 1 <= len(value) <= _MOST_CHARACTERS:
        raise Invalid("The value of a key has 1 to 500 characters.", field="subject")
    return value


def _lock(principal: Principal, request: ErasureRequest) -> ErasureRequest:
    locked = (
        ErasureRequest.objects.select_for_update(of=("self",))
        .filter(pk=request.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such erasure.")
    return locked


def _decidable(principal: Principal, request: ErasureRequest) -> ErasureRequest:
    locked = _lock(principal, request)
    if principal.user_id is None or locked.requested_by_id == principal.user_id:
        raise OtherPersonNeeded("You asked for this erasure yourself.")
    return locked


def _decide(
    principal: Principal, request: ErasureRequest, to: ErasureStatus, comment: str
) -> ErasureRequest:
    if len(comment) > _MOST_CHARACTERS:
        raise Invalid("A comment has at most 500 characters.", field="comment")
    return move_erasure(
        principal=principal,
        request=request,
        to=to,
        decided_by_id=principal.user_id,
        decided_at=now(),
        decision_comment=comment.strip(),
    )


def _enqueue(principal: Principal, request: ErasureRequest, kind: str) -> ErasureRequest:
    request.job = job_services.enqueue(
        principal=principal,
        kind=kind,
        arguments={"erasure": request.pk},
        title=f"{'Search for' if kind == 'search_subject' else 'Erase'} subject of {request}"[:200],
    )
    request.save(update_fields=["job"])
    return request
