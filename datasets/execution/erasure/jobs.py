"""The jobs of an erasure: the search (a dry run) and the work itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

from django.conf import settings
from django.db import connection, transaction

from accounts.principals import system_principal
from core.clock import now
from core.errors import NotFound
from core.sealing import unseal
from datasets.erasure import Finding, Subject, SubjectStore, Tell
from datasets.errors import ErasureMustWait, IllegalErasureMove, SubjectRemains
from datasets.execution.erasure.moving import move_erasure
from datasets.models import ErasureRequest, ErasureStatus
from datasets.selectors.erasure import subject_columns, versions_being_built
from jobs.errors import JobCancelled
from jobs.execution import Conclude, JobContext
from jobs.models import Job

PURPOSE = "erasure of a data subject"
_ROUNDS = 3


def search_subject(context: JobContext) -> Conclude:
    """Look where a subject is; nothing is changed.

    Job argument: ``erasure`` (id). Result: ``erasure`` and how many ``findings`` there are.
    """
    request = _request(context)
    request.check_move(ErasureStatus.SEARCHED)
    found = _find(subject_of(request), _teller(context, 0.02, 0.98))

    def conclude() -> Mapping[str, Any]:
        move_erasure(
            principal=context.principal,
            request=request,
            to=ErasureStatus.SEARCHED,
            before=[one.to_dict() for one in found],
            searched_at=now(),
            error="",
        )
        return {"erasure": request.pk, "findings": len(found)}

    return conclude


def search_failed(job: Job) -> None:
    """Say on the request why its search did not succeed."""
    ErasureRequest.objects.filter(
        pk=job.arguments.get("erasure"), status=ErasureStatus.OPEN
    ).update(error=(job.error_message or job.status)[:500])


def erase_subject(context: JobContext) -> Conclude:
    """Erase a subject from all stores, one after the other, and look whether anything is left.

    Each store may be asked again after a crash; so the second attempt ends as the first one would
    have. Up to the moment that is recorded as ``began_at`` the job can be cancelled and nothing has
    happened; afterwards it goes on to its end, or, if it is killed, is resumed.

    Job argument: ``erasure`` (id). Result: ``erasure`` and ``affected_model_versions`` (ids).

    Raises
    ------
    ErasureMustWait
        Rows are being written to a dataset just now.
    SubjectRemains
        Rows kept arriving while they were being erased.
    """
    request = _begin(context)
    subject = subject_of(request)
    stores = _stores()
    context.progress(0.02, "looking for writers")
    if versions_being_built(request.project_id).exists():
        raise ErasureMustWait("A file is being ingested. Resume the erasure when that is done.")
    if request.began_at is None:
        request.began_at = now()
        request.save(update_fields=["began_at"])
    left: list[Finding] = []
    for round_ in range(_ROUNDS):
        for position, store in enumerate(stores):
            low = (round_ + position / len(stores)) / (_ROUNDS + 1)
            with _past_the_point_of_no_return():
                store.erase(subject, _teller(context, low, low + 0.1))
        left = _find(subject, _teller(context, 0.8, 0.95))
        if not any(one.holds_rows for one in left):
            break
    else:
        raise SubjectRemains("Rows of the subject keep arriving. Resume the erasure later.")
    _forget_deleted_pages()
    models = [
        one.target[1]
        for one in map(Finding.from_dict, request.before)
        if one.kind == "model_version" and one.target is not None
    ]

    def conclude() -> Mapping[str, Any]:
        move_erasure(
            principal=context.principal,
            request=request,
            to=ErasureStatus.DONE,
            after=[one.to_dict() for one in left],
            error="",
        )
        transaction.on_commit(_forget_deleted_pages)
        return {"erasure": request.pk, "affected_model_versions": [int(one) for one in models]}

    return conclude


def erase_failed(job: Job) -> None:
    """Put the request where it belongs: back before the confirmation, or among those to be resumed."""
    request = ErasureRequest.objects.select_related("project").filter(
        pk=job.arguments.get("erasure"),
        status__in=[ErasureStatus.CONFIRMED, ErasureStatus.RUNNING],
    )
    found = request.first()
    if found is None:
        return
    principal = system_principal(found.project)
    said = (job.error_message or str(job.status))[:500]
    if found.began_at is None:
        move_erasure(principal=principal, request=found, to=ErasureStatus.SEARCHED, error=said)
        return
    if found.status == ErasureStatus.CONFIRMED:
        found = move_erasure(principal=principal, request=found, to=ErasureStatus.RUNNING)
    move_erasure(principal=principal, request=found, to=ErasureStatus.FAILED, error=said)


def subject_of(request: ErasureRequest) -> Subject:
    """Return whom a request is about.

    Raises
    ------
    IllegalErasureMove
        The request has ended, and the key is no longer kept.
    """
    if not request.subject_sealed:
        raise IllegalErasureMove("The erasure has ended; the subject's key is no longer kept.")
    names = (request.column,) if request.column else subject_columns(request.project_id)
    return Subject(
        project_id=request.project_id,
        names=names,
        value=unseal(request.subject_sealed)["subject"],
        erasure=request.reference,
    )


def _request(context: JobContext) -> ErasureRequest:
    request = ErasureRequest.objects.filter(
        pk=context.arguments["erasure"], project_id=context.principal.project_id
    ).first()
    if request is None:
        raise NotFound("There is no such erasure.")
    return request


def _begin(context: JobContext) -> ErasureRequest:
    """Mark the request as running; on a second attempt it is already."""
    request = _request(context)
    if request.status == ErasureStatus.RUNNING:
        return request
    with transaction.atomic():
        return move_erasure(
            principal=context.principal, request=request, to=ErasureStatus.RUNNING, error=""
        )


def _stores() -> list[SubjectStore]:
    return [cast("SubjectStore", import_module(path)) for path in settings.SUBJECT_STORES]


def _find(subject: Subject, tell: Tell) -> list[Finding]:
    return [finding for store in _stores() for finding in store.find(subject, tell)]


def _teller(context: JobContext, low: float, high: float) -> Tell:
    """Return what tells the progress of a stretch of the work, a little closer to its end each time."""
    state = {"at": low}

    def tell(what: str) -> None:
        state["at"] += (high - state["at"]) * 0.05
        context.progress(state["at"], what)

    return tell


@contextmanager
def _past_the_point_of_no_return() -> Iterator[None]:
    """Say what a cancelled job leaves behind."""
    try:
        yield
    except JobCancelled as error:
        raise JobCancelled(
            "The job was cancelled after the erasure had begun. Resume it to erase the rest."
        ) from error


def _forget_deleted_pages() -> None:
    """Let SQLite write its log back, so that no old page of it keeps what was overwritten.

    ``secure_delete`` is on (see the settings): what is deleted is overwritten with zeros. PostgreSQL's
    vacuum does the like in its own time.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
