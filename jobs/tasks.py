"""Celery's entry points: the doorbell, and the periodic look after forgotten jobs."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from typing import Any

from celery import shared_task
from celery.signals import beat_init, worker_ready, worker_shutting_down
from django.db import DatabaseError, close_old_connections
from kombu.exceptions import OperationalError

from core.clock import now
from jobs import execution
from jobs.models import Job, JobStatus, ProcessHeartbeat

logger = logging.getLogger(__name__)

_PROCESS_BEAT_SECONDS = 10.0


@shared_task(name="jobs.tasks.run_job")
def run_job(job_id: str) -> None:
    """Carry out one job, unless somebody else does or did."""
    execution.run(uuid.UUID(job_id), worker=f"{socket.gethostname()}:{os.getpid()}")


@shared_task(name="jobs.tasks.reconcile")
def reconcile() -> None:
    """Put back jobs of dead workers and announce queued jobs that nobody heard of."""
    for job_id, queue in execution.reconcile().to_ring:
        ring(job_id, queue, expires=30.0)


def ring(job_id: uuid.UUID, queue: str, *, expires: float | None = None) -> bool:
    """Announce a queued job to the workers; False when the broker is away (it is announced later)."""
    try:
        run_job.apply_async(args=[str(job_id)], queue=queue, expires=expires, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("the broker is away; job %s waits for it: %s", job_id, error)
        return False
    Job.objects.filter(pk=job_id, status=JobStatus.QUEUED).update(rung_at=now())
    return True


@worker_shutting_down.connect
def _stop_supervising(**_: Any) -> None:
    execution.stop_supervising()


@worker_ready.connect
def _beat_as_worker(**_: Any) -> None:
    keep_sign_of_life(f"worker:{socket.gethostname()}:{os.getpid()}")


@beat_init.connect
def _beat_as_beat(**_: Any) -> None:
    keep_sign_of_life("beat")


def keep_sign_of_life(name: str) -> None:
    """Write a sign of life under ``name`` every ten seconds for as long as this process lives."""
    threading.Thread(target=_keep_beating, args=(name,), name="heartbeat", daemon=True).start()


def _keep_beating(name: str) -> None:
    started = now()
    instance = uuid.uuid4()
    pause = threading.Event()
    while True:
        try:
            ProcessHeartbeat.objects.update_or_create(
                name=name,
                defaults={"instance": instance, "started_at": started, "beaten_at": now()},
            )
        except DatabaseError as error:
            logger.warning("no sign of life could be written: %s", error)
        finally:
            close_old_connections()
        pause.wait(_PROCESS_BEAT_SECONDS)
