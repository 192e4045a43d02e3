"""A job in a child process of its own: watched, stopped and settled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.principals import Principal
from jobs import execution, services
from jobs.models import Job, JobStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]


@pytest.fixture
def supervise(
    principal: Principal, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Job]:
    """Return a function that asks for a job and supervises it to its end."""
    for name, value in (
        ("DJANGO_SETTINGS_MODULE", "tests.child_settings"),
        ("TEST_DATABASE_NAME", str(connection.settings_dict["NAME"])),
        ("MLOPS_HOME", str(settings.MLOPS_HOME)),
    ):
        monkeypatch.setenv(name, value)

    def run(kind: str, **arguments: object) -> Job:
        job = services.enqueue(principal=principal, kind=kind, arguments=arguments)
        assert execution.run(job.pk, worker="test")
        job.refresh_from_db()
        return job

    return run


def test_a_child_carries_the_job_out(supervise: Callable[..., Job]) -> None:
    job = supervise("count_up", steps=2)
    assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"steps": 2})


@pytest.mark.fault
def test_a_child_that_dies_is_put_back(supervise: Callable[..., Job]) -> None:
    job = supervise("die")
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 1)


@pytest.mark.fault
def test_a_child_past_its_memory_is_stopped(
    supervise: Callable[..., Job], settings: Settings
) -> None:
    settings.JOB_MEMORY_LIMIT_BYTES = 250 * 1024**2
    job = supervise("eat_memory")
    assert (job.status, job.error_code) == (JobStatus.FAILED, "out_of_memory")


@pytest.mark.fault
def test_a_child_past_its_time_is_stopped(
    supervise: Callable[..., Job], settings: Settings
) -> None:
    settings.JOB_TIME_LIMIT_SECONDS = 2.0
    job = supervise("count_up", steps=100, pause=1)
    assert (job.status, job.error_code) == (JobStatus.TIMED_OUT, "timed_out")


def test_a_running_child_is_cancelled(supervise: Callable[..., Job], principal: Principal) -> None:
    def cancel_soon() -> None:
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline:
                job = Job.objects.filter(status=JobStatus.RUNNING).first()
                if job is not None:
                    services.cancel(principal=principal, job=job)
                    return
                time.sleep(0.1)
        finally:
            connection.close()

    thread = threading.Thread(target=cancel_soon)
    thread.start()
    job = supervise("count_up", steps=200, pause=1)
    thread.join()
    assert job.status == JobStatus.CANCELLED
    assert not job.log_lines.filter(text="took effect").exists()
