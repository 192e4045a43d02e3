"""The processes of the site, on a private Redis and the test's database, ready to be harmed."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
from django.db import connection
from pytest_django import Settings

from accounts.principals import Principal
from core.clock import now
from jobs import services
from jobs.models import Job
from mlops_site.celery import app
from mlops_site.supervisor import private_redis, programs, readiness
from mlops_site.supervisor.children import Child
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.home import Home
from mlops_site.supervisor.supervision import Supervisor

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 60.0
#: Promised: every job has come to its end so long after a fault.
END_SECONDS = 90.0


@dataclass
class Stack:
    """What a test starts, harms and asks."""

    home: Home
    supervisor: Supervisor
    output: io.StringIO
    principal: Principal
    redis: Child
    redis_url: str

    def start_worker(self, *, wait: bool = True) -> Child:
        """Start a Celery worker and wait until it has beaten."""
        started_at = now()
        worker = self.supervisor.start(programs.worker())
        if wait:
            self.wait_for_beats("worker", started_at)
        return worker

    def start_beat(self, name: str = "beat") -> Child:
        """Start a beat."""
        return self.supervisor.start(replace(programs.beat(), name=name))

    def wait_for_beats(self, name: str, since: datetime) -> None:
        """Wait until a process of this name has shown a sign of life."""
        beats = lambda: any(  # noqa: E731
            one.startswith(name) for one in readiness.names_beating_since(since)
        )
        assert self.supervisor.wait_until(beats, timeout_seconds=_START_SECONDS), self.said()

    def submit(self, kind: str = "work", **arguments: Any) -> Job:
        """Ask for a job, as a request does."""
        return services.enqueue(principal=self.principal, kind=kind, arguments=arguments)

    def wait_for(
        self, job: Job, is_so: Callable[[Job], bool], *, pause_seconds: float = 0.05
    ) -> None:
        """Wait until something is the case with a job."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            job.refresh_from_db()
            if is_so(job):
                return
            time.sleep(pause_seconds)
        raise AssertionError(
            f"job {job.pk} is {job.status} ({job.stage}; {job.error_message})\n{self.said()}"
        )

    def wait_for_ends(self, *jobs: Job) -> float:
        """Look after the processes until all jobs are final; return how long it took (seconds)."""
        began = time.monotonic()

        def all_final() -> bool:
            for job in jobs:
                job.refresh_from_db()
            return all(job.is_final for job in jobs)

        ended = self.supervisor.wait_until(all_final, timeout_seconds=END_SECONDS)
        states = [(job.status, job.attempt, job.stage, job.error_message) for job in jobs]
        assert ended, f"{states}\n{self.said()}"
        return time.monotonic() - began

    def kill(self, child: Child) -> None:
        """Kill one process without a word."""
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)

    def said(self) -> str:
        """Return the end of what the processes said."""
        return self.output.getvalue()[-4000:]


@pytest.fixture
def stack(
    transactional_db: None,
    principal: Principal,
    settings: Settings,
    lake_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stack]:
    """Redis, running; worker and beat are started by the test. Intervals are short unless told."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    settings.JOB_HANDLERS = {"work": "unused here", "die": "unused here"}
    settings.JOB_FAILURE_HANDLERS = {}
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "MLOPS_HOME": str(lake_home),
    }
    if not os.environ.get("FAULTS_WITH_DEFAULTS"):
        environment |= {
            "JOB_HEARTBEAT_SECONDS": "1",
            "JOB_STALE_SECONDS": "4",
            "JOB_RECONCILE_SECONDS": "1",
        }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    supervisor = Supervisor(
        console=Console(output, coloured=False), folder=ROOT, grace_seconds=1, last_grace_seconds=2
    )
    home = Home(lake_home)
    program, url = private_redis.prepare(home)
    redis = supervisor.start(program)
    try:
        with _broker(url):
            assert supervisor.wait_until(
                lambda: private_redis.answers(url), timeout_seconds=_START_SECONDS
            )
            yield Stack(home, supervisor, output, principal, redis, url)
    finally:
        supervisor.end()
        private_redis.remove_socket(url)


class _broker:  # noqa: N801 (used like a function)
    """Let this process publish to another broker for a while."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url.replace("unix://", "redis+socket://").replace(
            "?db=", "?virtual_host="
        )
        self._before = app.conf.broker_url

    def __enter__(self) -> None:
        self._switch(self._url)

    def __exit__(self, *_: object) -> None:
        self._switch(self._before)

    def _switch(self, url: str) -> None:
        kombu.pools.reset()  # type: ignore[no-untyped-call]
        app.conf.broker_url = url
        app._after_fork()  # forgets connections and producers
