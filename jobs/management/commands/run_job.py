"""Carry out one claimed job: what a worker starts as a child process."""

from __future__ import annotations

import logging
import os
import sys
import threading
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, connections

from core import tracing
from jobs.execution import Claim, carry_out

#: ``EX_TEMPFAIL`` of sysexits.h: not this job's fault, try again.
_TRY_AGAIN = 75


class Command(BaseCommand):
    """``manage.py run_job JOB CLAIM_TOKEN``."""

    help = "Carry out one claimed job in this process (started by a worker)."
    # Checks load all addresses and pages, which a job need not know.
    requires_system_checks: list[str] = []  # noqa: RUF012 (Django's own attribute)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job_id", type=uuid.UUID)
        parser.add_argument("claim_token", type=uuid.UUID)
        parser.add_argument(
            "--end-with-parent",
            action="store_true",
            help="End at once when standard input is closed, that is, when the worker dies.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the job; exit code 75 asks the worker to put it back."""
        if options["end_with_parent"]:
            threading.Thread(target=_end_with_parent, daemon=True).start()
        try:
            tracing.start("mlops-worker")
            carry_out(Claim(options["job_id"], options["claim_token"]))
        except (OperationalError, InterfaceError) as error:
            self.stderr.write(f"the database went away: {error}")
            sys.exit(_TRY_AGAIN)
        finally:
            tracing.stop()
        if options["end_with_parent"]:
            leave()


def leave() -> None:
    """End this process at once, its job being concluded: what is left of it is not waited for.

    Threads of libraries that read ahead (Arrow's reader of CSV files, when it was given up) may call Python while
    the interpreter takes itself down, which aborts the process or lets it hang.
    """
    connections.close_all()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(_TRY_AGAIN)
