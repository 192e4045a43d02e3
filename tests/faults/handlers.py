"""Kinds of jobs that are killed in the middle of something."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from jobs.execution import Conclude, JobContext
from jobs.models import JobLogLine


def work(context: JobContext) -> Conclude:
    """Work for a while, then conclude for a while; on the first attempt only."""
    first = context.attempt == 1
    if first:
        context.log("working")
        time.sleep(float(context.arguments.get("work_seconds", 0)))

    def conclude() -> Mapping[str, Any]:
        JobLogLine.objects.create(job_id=context.job_id, text="took effect")
        if first and "concluding_file" in context.arguments:
            with open(context.arguments["concluding_file"], "w"):  # noqa: PTH123
                time.sleep(30)
        return {"attempt": context.attempt}

    return conclude


def die(context: JobContext) -> Conclude:
    """Take the whole process down."""
    os._exit(9)
