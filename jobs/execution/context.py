"""What a handler is given, and what it gives back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from accounts.principals import Principal
from jobs.errors import ClaimLost, JobCancelled
from jobs.models import Job, JobLogLine, JobStatus

logger = logging.getLogger(__name__)

#: Runs inside the transaction that makes the job succeed; returns the job's result.
Conclude = Callable[[], Mapping[str, Any]]

_PROGRESS_SECONDS = 0.5


class JobContext:
    """A running job, as its handler sees it.

    Attributes
    ----------
    job_id
        The job; the same on each attempt, so it can key idempotent writes.
    arguments
        What was asked for.
    attempt
        1 on the first attempt.
    principal
        On whose behalf the work is done.
    scratch
        An empty folder that is removed after the attempt.
    """

    def __init__(self, *, job: Job, claim_token: UUID, principal: Principal, scratch: Path) -> None:
        self.job_id: UUID = job.pk
        self.arguments: dict[str, Any] = dict(job.arguments)
        self.attempt: int = job.attempt
        self.principal = principal
        self.scratch = scratch
        self._claim_token = claim_token
        self._told_at = 0.0
        self._fraction = 0.0

    def progress(self, fraction: float, stage: str, message: str = "") -> None:
        """Tell how far the work has come, and stop it when it was cancelled.

        Parameters
        ----------
        fraction
            Share of the work that is done, 0 to 1; never goes back within an attempt.
        stage
            A word or two: what is being done.

        Raises
        ------
        JobCancelled
            Somebody asked for the job to stop.
        ClaimLost
            Another worker has taken the job over.
        """
        self._fraction = min(1.0, max(self._fraction, fraction))
        due = time.monotonic()
        if due - self._told_at < _PROGRESS_SECONDS and self._fraction < 1.0:
            return
        self._told_at = due
        mine = Job.objects.filter(
            pk=self.job_id, claim_token=self._claim_token, status=JobStatus.RUNNING
        )
        changed = mine.update(progress=self._fraction, stage=stage[:100], message=message[:500])
        if not changed:
            raise ClaimLost
        if mine.filter(cancel_requested_at__isnull=False).exists():
            raise JobCancelled

    def log(self, message: str) -> None:
        """Add a line to the job's log, where the person who asked for it will read it."""
        logger.info("job %s: %s", self.job_id, message)
        JobLogLine.objects.create(job_id=self.job_id, attempt=self.attempt, text=message)


Handler = Callable[[JobContext], Conclude]
