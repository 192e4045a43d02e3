"""Settings of the processes that tests start: the test's own database and home."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]  # noqa: F405
JOB_HANDLERS = {
    name: f"tests.jobs.handlers.{name}"
    for name in ["count_up", "refuse", "break_down", "refuse_at_the_end", "die", "eat_memory"]
}
JOB_FAILURE_HANDLERS = dict.fromkeys(JOB_HANDLERS, "tests.jobs.handlers.note_failure")
ROUTING_TICK_SECONDS = 0.4
