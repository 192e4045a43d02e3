"""Writes of the jobs room: ask for a job, cancel it, try it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core import tracing
from core.clock import now
from core.errors import Invalid, NotFound
from jobs import tasks
from jobs.errors import IdempotencyKeyReused, IllegalJobMove, JobKindUnknown
from jobs.execution.claims import end_without_success
from jobs.models import Job, JobStatus

#: As the column is long.
_LONGEST_KEY = 200


@transaction.atomic
def enqueue(
    *,
    principal: Principal,
    kind: str,
    arguments: Mapping[str, Any],
    idempotency_key: str | None = None,
    title: str = "",
) -> Job:
    """Accept a job; it is announced to the workers when the transaction commits.

    Parameters
    ----------
    arguments
        What the handler needs (JSON-compatible; ids, not objects, and no secrets).
    idempotency_key
        The same key with the same kind and arguments gives the job of the first time.

    Raises
    ------
    JobKindUnknown
        No handler is registered for ``kind``.
    IdempotencyKeyReused
        The key came before with other arguments.
    """
    if kind not in settings.JOB_HANDLERS:
        raise JobKindUnknown(f"There is no job of the kind '{kind}'.", field="kind")
    if idempotency_key is not None:
        earlier = find_by_key(principal=principal, kind=kind, idempotency_key=idempotency_key)
        if earlier is not None:
            return _same_request(earlier, arguments)
    try:
        with transaction.atomic():
            job = Job.objects.create(
                project_id=principal.project_id,
                kind=kind,
                title=title[:200],
                queue=settings.JOB_QUEUES.get(kind, "default"),
                arguments=dict(arguments),
                idempotency_key=idempotency_key,
                created_by_id=principal.user_id,
                token_prefix=principal.token_prefix,
                queued_at=now(),
                trace_parent=tracing.trace_parent(),
            )
    except IntegrityError:
        earlier = find_by_key(principal=principal, kind=kind, idempotency_key=idempotency_key)
        if earlier is None:
            raise
        return _same_request(earlier, arguments)
    audit.record(principal=principal, action="job.asked", target=job, summary=job.title or kind)
    transaction.on_commit(lambda: tasks.ring(job.pk, job.queue))
    return job


def find_by_key(*, principal: Principal, kind: str, idempotency_key: str | None) -> Job | None:
    """Return the job that was asked for with this key before, if any.

    Raises
    ------
    Invalid
        The key is longer than 200 characters, or holds NUL: neither can be kept.
    """
    if idempotency_key is not None and (
        len(idempotency_key) > _LONGEST_KEY or "\x00" in idempotency_key
    ):
        raise Invalid(
            f"A key has at most {_LONGEST_KEY} characters, and none of them is NUL.",
            field="Idempotency-Key",
        )
    return Job.objects.filter(
        project_id=principal.project_id, kind=kind, idempotency_key=idempotency_key
    ).first()


def _same_request(job: Job, arguments: Mapping[str, Any]) -> Job:
    if job.arguments != dict(arguments):
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent before with a different request.",
            field="Idempotency-Key",
        )
    return job


@transaction.atomic
def cancel(*, principal: Principal, job: Job) -> Job:
    """Stop a job: a queued one at once, a running one within a second or two.

    Raises
    ------
    IllegalJobMove
        The job has come to its end already.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, job)
    if locked.is_final:
        raise IllegalJobMove(f"The job is {locked.status} already; there is nothing to cancel.")
    if locked.status == JobStatus.QUEUED:
        end_without_success(
            locked,
            status=JobStatus.CANCELLED,
            code="cancelled",
            message="The job was cancelled before it began.",
        )
    elif locked.cancel_requested_at is None:
        locked.cancel_requested_at = now()
        locked.save(update_fields=["cancel_requested_at"])
    audit.record(principal=principal, action="job.cancelled", target=locked)
    return locked


@transaction.atomic
def retry(*, principal: Principal, job: Job) -> Job:
    """Queue a failed, cancelled or timed-out job again, with fresh attempts.

    Raises
    ------
    IllegalJobMove
        The job is waiting, running or has succeeded.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, job)
    if locked.status == JobStatus.RUNNING:
        raise IllegalJobMove("The job is running; cancel it first.")
    locked.check_move(JobStatus.QUEUED)
    locked.status = JobStatus.QUEUED
    locked.attempt = 0
    locked.progress = 0.0
    locked.stage = ""
    locked.message = ""
    locked.error_code = ""
    locked.error_message = ""
    locked.error_fields = []
    locked.cancel_requested_at = None
    locked.finished_at = None
    locked.heartbeat_at = None
    locked.rung_at = None
    locked.queued_at = now()
    locked.save()
    audit.record(principal=principal, action="job.retried", target=locked)
    transaction.on_commit(lambda: tasks.ring(locked.pk, locked.queue))
    return locked


def _lock(principal: Principal, job: Job) -> Job:
    locked = (
        Job.objects.select_for_update().filter(pk=job.pk, project_id=principal.project_id).first()
    )
    if locked is None:
        raise NotFound("There is no such job.")
    return locked
