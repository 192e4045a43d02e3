"""Faults of real processes: every job ends exactly once, and none is lost.

One of the tests is quick and runs with all others, so that a real worker on a real broker carries out a
job each time; the rest are marked ``fault``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest
import redis

from jobs.models import Job, JobStatus
from jobs.tasks import run_job
from mlops_site.celery import app
from tests.faults.conftest import END_SECONDS, Stack

pytestmark = [pytest.mark.process]


def _assert_each_took_effect_once(jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.refresh_from_db()
        effects = job.log_lines.filter(text="took effect").count()
        assert (job.status, effects) == (JobStatus.SUCCEEDED, 1)


def _is_working(job: Job) -> bool:
    return job.log_lines.filter(text="working").exists()


@pytest.mark.fault
def test_a_worker_killed_before_its_first_heartbeat_loses_nothing(stack: Stack) -> None:
    worker = stack.start_worker()
    stack.start_beat()
    jobs = []
    for _ in range(5):
        job = stack.submit(work_seconds=2)
        jobs.append(job)
        stack.wait_for(job, lambda one: one.status != JobStatus.QUEUED, pause_seconds=0.001)
        if job.heartbeat_at is None:
            stack.kill(worker)
            time.sleep(0.1)
            job.refresh_from_db()
            break
    assert (job.status, job.heartbeat_at) == (JobStatus.RUNNING, None)
    stack.wait_for_ends(*jobs)
    _assert_each_took_effect_once(jobs)
    assert job.attempt == 2


@pytest.mark.fault
def test_a_worker_killed_in_the_middle_of_jobs_loses_nothing(stack: Stack) -> None:
    worker = stack.start_worker()
    stack.start_beat()
    jobs = [stack.submit(work_seconds=20) for _ in range(2)] + [stack.submit() for _ in range(2)]
    for job in jobs[:2]:
        stack.wait_for(job, _is_working)
    stack.kill(worker)
    stack.wait_for_ends(*jobs)
    _assert_each_took_effect_once(jobs)
    assert [job.attempt for job in jobs] == [2, 2, 1, 1]


@pytest.mark.fault
def test_a_worker_killed_after_the_work_and_before_the_commit_has_one_effect(
    stack: Stack, tmp_path: Path
) -> None:
    worker = stack.start_worker()
    stack.start_beat()
    concluding = tmp_path / "concluding"
    job = stack.submit(concluding_file=str(concluding))
    stack.wait_for(job, lambda _: concluding.exists())
    stack.kill(worker)
    stack.wait_for_ends(job)
    _assert_each_took_effect_once([job])
    assert job.result == {"attempt": 2}


@pytest.mark.fault
def test_jobs_survive_a_broker_that_forgets_everything(stack: Stack) -> None:
    jobs = [stack.submit() for _ in range(3)]
    assert all(Job.objects.get(pk=job.pk).rung_at for job in jobs)
    redis.Redis.from_url(stack.redis_url).flushall()
    stack.start_worker(wait=False)
    stack.start_beat()
    stack.wait_for_ends(*jobs)
    _assert_each_took_effect_once(jobs)


@pytest.mark.fault
def test_a_job_asked_for_while_the_broker_is_away_runs_when_it_returns(stack: Stack) -> None:
    stack.start_worker()
    stack.start_beat()
    stack.redis.kill()
    began = time.monotonic()
    job = stack.submit()
    assert time.monotonic() - began < 5, "the caller waits for a broker that is away"
    assert (job.status, job.rung_at) == (JobStatus.QUEUED, None)
    stack.redis.start()
    stack.wait_for_ends(job)
    _assert_each_took_effect_once([job])


def test_a_message_delivered_five_times_has_one_effect(stack: Stack) -> None:
    job = stack.submit(work_seconds=1)
    for _ in range(4):
        run_job.apply_async(args=[str(job.pk)], queue=job.queue)
    stack.start_worker()
    stack.wait_for_ends(job)
    time.sleep(1)
    with app.connection_for_read() as broker:
        waiting = broker.default_channel.client.llen("default")
    assert waiting == 0
    _assert_each_took_effect_once([job])
    assert job.attempt == 1


@pytest.mark.fault
def test_two_beats_make_no_job_run_twice(stack: Stack) -> None:
    stack.start_worker(wait=False)
    stack.start_beat("beat-1")
    stack.start_beat("beat-2")
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushall()
    jobs = [stack.submit(work_seconds=0.5) for _ in range(4)]
    stack.wait_for_ends(*jobs)
    _assert_each_took_effect_once(jobs)
    assert [job.attempt for job in jobs] == [1] * 4


@pytest.mark.fault
def test_a_poisoned_job_fails_after_its_attempts_and_the_queue_moves_on(stack: Stack) -> None:
    stack.start_worker()
    stack.start_beat()
    poisoned = stack.submit("die")
    healthy = stack.submit()
    seconds = stack.wait_for_ends(poisoned, healthy)
    _assert_each_took_effect_once([healthy])
    assert (poisoned.status, poisoned.attempt) == (JobStatus.FAILED, 3)
    assert seconds < END_SECONDS
