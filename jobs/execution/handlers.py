"""Finding the functions that the settings name for a kind of job."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from jobs.errors import JobKindUnknown
from jobs.execution.context import Handler
from jobs.models import Job


def handler_of(kind: str) -> Handler:
    """Return the function that carries out this kind of job.

    Raises
    ------
    JobKindUnknown
        ``settings.JOB_HANDLERS`` does not name the kind.
    """
    path = settings.JOB_HANDLERS.get(kind)
    if path is None:
        raise JobKindUnknown(f"There is no job of the kind '{kind}'.", field="kind")
    return cast("Handler", import_string(path))


def tell_of_failure(job: Job) -> None:
    """Let the room that the job worked for follow its failed, cancelled or timed-out end."""
    path = settings.JOB_FAILURE_HANDLERS.get(job.kind)
    if path is not None:
        import_string(path)(job)
