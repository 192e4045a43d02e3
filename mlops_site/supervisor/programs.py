"""The processes of the site (``docs/architecture.md``, "Processes")."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings

from mlops_site.supervisor.children import Program

#: Celery warns at length when root runs it, which is ordinary in a container.
_QUIET = "ignore:You're running the worker with superuser privileges:RuntimeWarning"
#: Checks load all addresses and pages, which Celery's processes need not know; CI runs them.
_WITHOUT_CHECKS = {"CELERY_SKIP_CHECKS": "1"}


#: A scorer reads a body of a thousand rows while it still computes the one before.
_SCORER_BUFFER_BYTES = 2 * 1024**2


def web(*, host: str, port: int) -> Program:
    """Return the web server: one worker process, few threads, because Python runs one at a time."""
    return Program(name="web", command=_granian(host, port, settings.WEB_THREADS))


def scorer(*, host: str, port: int) -> Program:
    """Return the server that answers predictions and nothing else, with one thread by default.

    Threads that take turns at Python's lock cost a small prediction more than the model does.
    """
    options = ("--runtime-mode", "mt", "--http1-buffer-size", str(_SCORER_BUFFER_BYTES))
    return Program(
        name="scorer",
        command=(*_granian(host, port, settings.SCORER_THREADS), *options),
        # glibc gives each thread memory of its own, which here keeps what large bodies left behind.
        environment={"MLOPS_PROCESS": "scorer", "MALLOC_ARENA_MAX": "2"},
    )


def _granian(host: str, port: int, threads: int) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "granian", "mlops_site.wsgi:application"),
        *("--interface", "wsgi"),
        *("--host", host),
        *("--port", str(port)),
        *("--workers", "1"),
        *("--blocking-threads", str(threads)),
        *("--workers-kill-timeout", "10"),
        *("--log-level", "warning"),
        "--no-ws",
    )


def worker() -> Program:
    """Return the Celery worker; it supervises jobs, which run in child processes of their own."""
    return Program(
        name="worker",
        command=(
            *_celery("worker"),
            *("--pool", "threads"),
            *("--concurrency", str(settings.WORKER_THREADS)),
            *("--queues", "default,training,monitoring"),
            *("--loglevel", "WARNING"),
            "--without-gossip",
            "--without-mingle",
        ),
        # On SIGTERM the worker does not wait for the end of its tasks however long they take.
        environment={
            "REMAP_SIGTERM": "SIGQUIT",
            **_WITHOUT_CHECKS,
        },
    )


def beat() -> Program:
    """Return Celery's beat, which starts what is due by the schedules in the database."""
    return Program(
        name="beat",
        command=(*_celery("beat"), "--loglevel", "WARNING", "--pidfile="),
        environment=_WITHOUT_CHECKS,
    )


def shipper() -> Program:
    """Return the process that ships the prediction log to the lake."""
    return Program(name="shipper", command=_manage("ship_predictions"))


def demo(*, base_url: str) -> Program:
    """Return the seeding of the demo, which ends by itself."""
    return Program(
        name="demo", command=_manage("seed_demo", "--base-url", base_url), restarts=False
    )


def _celery(verb: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--quiet", "-A", "mlops_site", verb)


def _manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words)
