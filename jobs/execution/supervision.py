"""The worker's side: a child process for each job, watched until it ends.

A child of its own (a fresh interpreter) can be killed without harm: on cancel, past its time, past its
memory. When the worker itself is killed, the child notices that its standard input was closed and ends too.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import psutil
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from jobs.errors import ClaimLost
from jobs.execution import claims
from jobs.models import JobStatus

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_LOOK_SECONDS = 1.0
_TERM_GRACE_SECONDS = 3.0
#: How long a job may still run when its worker is told to stop; then it is put back.
_SHUTDOWN_GRACE_SECONDS = 8.0

_stopping = threading.Event()


class Stop(Enum):
    """Why a child was stopped before its end."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    CLAIM_LOST = "claim_lost"
    SHUTDOWN = "shutdown"


def stop_supervising() -> None:
    """Tell all supervisors of this process to end their children soon and put the jobs back."""
    _stopping.set()


def run(job_id: uuid.UUID, *, worker: str) -> bool:
    """Claim a job and see it through in a child process; False when it could not be claimed."""
    claim = claims.claim(job_id, worker=worker)
    if claim is None:
        return False
    child = _start(claim)
    try:
        stop = _watch(child, claim)
    finally:
        _end(child)
    _settle(claim, stop=stop, exit_code=child.returncode)
    return True


def _start(claim: claims.Claim) -> subprocess.Popen[bytes]:
    log_folder = Path(settings.JOB_LOG_ROOT)
    log_folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        str(settings.BASE_DIR / "manage.py"),
        "run_job",
        str(claim.job_id),
        str(claim.token),
        "--end-with-parent",
    ]
    with (log_folder / f"{claim.job_id}.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=settings.BASE_DIR,
        )


def _watch(child: subprocess.Popen[bytes], claim: claims.Claim) -> Stop | None:
    """Wait for the child; return why it must be stopped, or None when it ended by itself."""
    started = time.monotonic()
    next_beat = started
    next_look = started + _LOOK_SECONDS
    asked_to_stop: float | None = None
    while child.poll() is None:
        time.sleep(_POLL_SECONDS)
        moment = time.monotonic()
        if moment >= next_beat:
            next_beat = moment + settings.JOB_HEARTBEAT_SECONDS
            if not _with_database(lambda: claims.beat(claim), otherwise=True):
                return Stop.CLAIM_LOST
        if moment < next_look:
            continue
        next_look = moment + _LOOK_SECONDS
        if _with_database(lambda: claims.cancel_requested(claim), otherwise=False):
            return Stop.CANCELLED
        if moment - started > settings.JOB_TIME_LIMIT_SECONDS:
            return Stop.TIMED_OUT
        if _resident_bytes(child.pid) > settings.JOB_MEMORY_LIMIT_BYTES:
            return Stop.OUT_OF_MEMORY
        if _stopping.is_set():
            asked_to_stop = asked_to_stop or moment
            if moment - asked_to_stop > _SHUTDOWN_GRACE_SECONDS:
                return Stop.SHUTDOWN
    return None


def _with_database(ask: Callable[[], bool], *, otherwise: bool) -> bool:
    """Ask the database; while it is away, assume ``otherwise`` and go on."""
    try:
        return ask()
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database does not answer; the job goes on: %s", error)
        close_old_connections()
        return otherwise


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and all that it started (bytes)."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)
    except psutil.Error:
        return 0


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and everything that it started, first politely."""
    if child.stdin is not None:
        child.stdin.close()
    for number, grace in ((signal.SIGTERM, _TERM_GRACE_SECONDS), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            continue
    child.wait()


def _settle(claim: claims.Claim, *, stop: Stop | None, exit_code: int) -> None:
    """Bring the row to where it belongs; a child that finished its job has left nothing to do."""
    try:
        if stop is Stop.CANCELLED:
            claims.fail(
                claim,
                status=JobStatus.CANCELLED,
                code="cancelled",
                message="The job was cancelled.",
            )
        elif stop is Stop.TIMED_OUT:
            limit = settings.JOB_TIME_LIMIT_SECONDS
            claims.fail(
                claim,
                status=JobStatus.TIMED_OUT,
                code="timed_out",
                message=f"The job was stopped after its time limit of {limit:g} s.",
            )
        elif stop is Stop.OUT_OF_MEMORY:
            limit_mib = settings.JOB_MEMORY_LIMIT_BYTES // 1024**2
            claims.fail(
                claim,
                code="out_of_memory",
                message=f"The job needed more memory than its limit of {limit_mib} MiB.",
            )
        elif stop is Stop.SHUTDOWN:
            claims.put_back(claim, reason="The worker was shut down.", counts=False)
        elif exit_code != 0:
            claims.put_back(claim, reason=f"The job's process ended with code {exit_code}.")
    except ClaimLost:
        logger.debug("job %s had come to its end already", claim.job_id)
