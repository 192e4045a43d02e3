"""Carrying out one claimed job in this process."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError

from accounts.models import Membership, Role
from accounts.principals import Principal, system_principal
from core import tracing
from core.errors import DomainError
from jobs.errors import ClaimLost, JobCancelled
from jobs.execution import claims
from jobs.execution.context import JobContext
from jobs.execution.handlers import handler_of
from jobs.models import Job, JobStatus

logger = logging.getLogger(__name__)


def carry_out(claim: claims.Claim) -> None:
    """Run the job's handler and bring the job to its end.

    A refusal becomes the job's error; any other exception is logged, and the job says only that
    something went wrong. A lost claim leaves no trace.

    Raises
    ------
    django.db.OperationalError, django.db.InterfaceError
        The database went away: the supervisor puts the job back.
    """
    job = Job.objects.select_related("project", "created_by").get(pk=claim.job_id)
    Path(settings.SCRATCH_ROOT).mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{job.kind}-", dir=settings.SCRATCH_ROOT))
    try:
        with tracing.span(
            f"job {job.kind}",
            kind="consumer",
            parent=job.trace_parent,
            mlops__job_id=str(job.pk),
            mlops__project=job.project.slug,
            mlops__attempt=job.attempt,
        ) as span:
            _handle(claim, job, scratch, span)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _handle(claim: claims.Claim, job: Job, scratch: Path, span: tracing.Span) -> None:
    context = JobContext(
        job=job, claim_token=claim.token, principal=principal_of_job(job), scratch=scratch
    )
    try:
        claims.succeed(claim, handler_of(job.kind)(context))
    except ClaimLost:
        logger.warning("job %s was taken over; this attempt has no effect", job.pk)
    except (OperationalError, InterfaceError):
        raise
    except JobCancelled as error:
        span.set(mlops__error_code=error.code)
        claims.fail(claim, status=JobStatus.CANCELLED, code=error.code, message=error.message)
    except DomainError as error:
        span.fail(error.code)
        fields = [{"field": item.field, "detail": item.message} for item in error.errors]
        claims.fail(claim, code=error.code, message=error.message, fields=fields)
    except MemoryError:
        span.fail("out_of_memory")
        claims.fail(claim, code="out_of_memory", message="The job ran out of memory.")
    except Exception:
        logger.exception("job %s (%s) failed", job.pk, job.kind)
        span.fail("internal_error")
        claims.fail(
            claim,
            code="internal_error",
            message="Something went wrong on our side; the log of the worker says what.",
        )


def principal_of_job(job: Job) -> Principal:
    """Return on whose behalf a job works: who asked for it, with the role they have now."""
    user = job.created_by
    if user is None:
        return system_principal(job.project)
    return Principal(
        user_id=user.pk,
        username=user.get_username(),
        project_id=job.project_id,
        project_slug=job.project.slug,
        role=_role(user, job.project_id),
        token_prefix=job.token_prefix,
        is_superuser=user.is_superuser,
    )


def _role(user: User, project_id: int) -> Role:
    if user.is_superuser:
        return Role.ADMIN
    membership = Membership.objects.filter(user=user, project_id=project_id).first()
    return Role(membership.role) if membership else Role.VIEWER
