"""Kinds of jobs that exist in tests only."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from core.errors import Invalid
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobLogLine


def count_up(context: JobContext) -> Conclude:
    """Take some steps and note, in the transaction of the end, that it happened."""
    steps = int(context.arguments.get("steps", 3))
    for step in range(steps):
        context.progress(step / steps, "counting", f"step {step}")
        time.sleep(float(context.arguments.get("pause", 0)))

    def conclude() -> Mapping[str, Any]:
        JobLogLine.objects.create(job_id=context.job_id, text="took effect")
        return {"steps": steps}

    return conclude


def refuse(context: JobContext) -> Conclude:
    """Refuse, as a handler does that finds its input wanting."""
    raise Invalid("The colour must be blue.", field="colour")


def break_down(context: JobContext) -> Conclude:
    """Fail in a way that nobody foresaw."""
    raise RuntimeError("a secret path: /etc/shadow")


def refuse_at_the_end(context: JobContext) -> Conclude:
    """Write something and then refuse, inside the transaction of the end."""

    def conclude() -> Mapping[str, Any]:
        JobLogLine.objects.create(job_id=context.job_id, text="must not stay")
        raise Invalid("Too late.")

    return conclude


def die(context: JobContext) -> Conclude:
    """End the process without a word."""
    os._exit(9)


def eat_memory(context: JobContext) -> Conclude:
    """Allocate more than a test's limit and hold it."""
    hoard = bytearray(300 * 1024**2)
    hoard[::4096] = b"x" * len(hoard[::4096])
    time.sleep(30)
    return dict


def note_failure(job: Job) -> None:
    """Follow a job that ended without success."""
    JobLogLine.objects.create(job=job, text=f"told of: {job.status}")
