"""Moves of the job row. Each is one compare-and-set on status and fencing token."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from core.clock import now
from jobs.errors import ClaimLost, JobCancelled, WorkerLost
from jobs.execution.context import Conclude
from jobs.execution.handlers import tell_of_failure
from jobs.models import FINAL_STATUSES, Job, JobLogLine, JobStatus


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out and finish a job, for as long as the row holds the token."""

    job_id: uuid.UUID
    token: uuid.UUID


def claim(job_id: uuid.UUID, *, worker: str) -> Claim | None:
    """Take a queued job; None when it is not queued (any more)."""
    token = uuid.uuid4()
    moment = now()
    changed = Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(
        status=JobStatus.RUNNING,
        claim_token=token,
        attempt=F("attempt") + 1,
        claimed_at=moment,
        heartbeat_at=None,
        worker=worker[:100],
        stage="starting",
        message="",
        progress=0.0,
    )
    return Claim(job_id, token) if changed else None


def beat(held: Claim) -> bool:
    """Write a heartbeat; False when the claim was lost."""
    return bool(_held(held).update(heartbeat_at=now()))


def cancel_requested(held: Claim) -> bool:
    """Whether somebody asked the running job to stop."""
    return bool(_held(held).filter(cancel_requested_at__isnull=False).exists())


def succeed(held: Claim, conclude: Conclude) -> None:
    """Write what the job made and mark it succeeded, in one transaction.

    Raises
    ------
    ClaimLost
        The token is no longer the row's: nothing was written.
    JobCancelled
        The job was asked to stop before it came here: nothing was written.
    """
    with transaction.atomic():
        job = _lock(held)
        if job.cancel_requested_at is not None:
            raise JobCancelled
        job.result = dict(conclude())
        job.progress = 1.0
        _end(job, JobStatus.SUCCEEDED)


def fail(
    held: Claim,
    *,
    status: JobStatus = JobStatus.FAILED,
    code: str,
    message: str,
    fields: Sequence[Mapping[str, Any]] = (),
) -> None:
    """End a claimed job without success and let its room follow.

    Raises
    ------
    ClaimLost
        The token is no longer the row's: nothing was written.
    """
    with transaction.atomic():
        job = _lock(held)
        end_without_success(job, status=status, code=code, message=message, fields=fields)


def end_without_success(
    job: Job,
    *,
    status: JobStatus,
    code: str,
    message: str,
    fields: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write a final, unsuccessful status into a locked row; call it inside a transaction."""
    job.error_code = code[:64]
    job.error_message = message
    job.error_fields = [dict(field) for field in fields]
    _end(job, status)
    tell_of_failure(job)


def put_back(held: Claim, *, reason: str, counts: bool = True) -> None:
    """Queue a claimed job again, or fail it when its attempts are used up.

    Parameters
    ----------
    reason
        What happened to the worker, in words.
    counts
        False when the attempt is not to be counted (an orderly shutdown).

    Raises
    ------
    ClaimLost
        The token is no longer the row's: nothing was written.
    """
    with transaction.atomic():
        job = _lock(held)
        put_back_locked(job, reason=reason, counts=counts)


def put_back_locked(job: Job, *, reason: str, counts: bool = True) -> None:
    """Do the same to a row that the caller has locked."""
    JobLogLine.objects.create(job=job, attempt=job.attempt, text=reason)
    if job.cancel_requested_at is not None:
        end_without_success(
            job, status=JobStatus.CANCELLED, code=JobCancelled.code, message=JobCancelled.title
        )
        return
    if counts and job.attempt >= settings.JOB_MAX_ATTEMPTS:
        end_without_success(
            job,
            status=JobStatus.FAILED,
            code=WorkerLost.code,
            message=f"{reason} This was attempt {job.attempt} of {settings.JOB_MAX_ATTEMPTS}.",
        )
        return
    job.check_move(JobStatus.QUEUED)
    if not counts:
        job.attempt = max(0, job.attempt - 1)
    job.status = JobStatus.QUEUED
    job.claim_token = None
    job.worker = ""
    job.stage = "waiting for another attempt"
    job.progress = 0.0
    job.queued_at = now()
    job.rung_at = None
    job.save()


def _held(held: Claim) -> Any:
    return Job.objects.filter(pk=held.job_id, claim_token=held.token, status=JobStatus.RUNNING)


def _lock(held: Claim) -> Job:
    job: Job | None = _held(held).select_for_update().first()
    if job is None:
        raise ClaimLost
    return job


def _end(job: Job, status: JobStatus) -> None:
    assert status in FINAL_STATUSES
    job.check_move(status)
    job.status = status
    job.claim_token = None
    job.finished_at = now()
    job.stage = ""
    job.save()
