"""Settings of the processes that the fault tests start: the test's database, quick intervals."""

from __future__ import annotations

from tests.child_settings import *  # noqa: F403

#: The upper rooms have no part in this; without them a process starts in half the time.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_celery_beat",
    "core",
    "accounts",
    "jobs",
]
JOB_HANDLERS = {"work": "tests.faults.handlers.work", "die": "tests.faults.handlers.die"}
JOB_FAILURE_HANDLERS = {}
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", default=10.0)  # noqa: F405
CELERY_BEAT_SCHEDULE = {"reconcile jobs": CELERY_BEAT_SCHEDULE["reconcile jobs"]}  # noqa: F405
