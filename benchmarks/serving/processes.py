"""Servers as processes that end with the benchmark, and what they take of the memory."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

HOST = "127.0.0.1"
_END_SECONDS = 30.0
_ATTEMPTS = 100


def free_port(count: int = 3) -> int:
    """Return a port of the loopback address on which nobody listens, nor on those that follow it.

    Parameters
    ----------
    count
        How many ports a server takes.

    Raises
    ------
    OSError
        None was found.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.ExitStack() as held, contextlib.suppress(OSError, OverflowError):
            port = 0
            for place in range(count):
                listener = held.enter_context(socket.socket())
                listener.bind((HOST, port + place if port else 0))
                port = port or int(listener.getsockname()[1])
            return port
    raise OSError(f"no {count} free ports in a row")


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment without what would decide how fast or where something runs.

    Each worker computes with one thread: those of OpenMP fight for the cores with the other servers and the load.
    """
    hidden = ("OPENBLAS_", "OMP_", "MKL_", "MLOPS_", "PYTHONPATH", "DATABASE_URL", "REDIS_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **extra}


class Server:
    """A process, and all those that it starts; its words go to a file.

    Parameters
    ----------
    command, extra
        What to run, and its variables on top of the present ones.
    folder
        Where it runs and where its words are kept.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        extra: Mapping[str, str],
        folder: Path,
        name: str,
    ) -> None:
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(extra),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def said(self) -> str:
        """Return the end of what it said."""
        return self._log.read_text(errors="replace")[-2000:]

    def memory_bytes(self, *, port: int | None = None) -> int:
        """Return the proportional set size of all its processes.

        Pages that several of them share are counted once.

        Parameters
        ----------
        port
            Of the process that answers, when only that and those below it are looked at.
        """
        return sum(_pss(process) for process in self._answering(port))

    def stop(self) -> None:
        """End it with all below it."""
        tree = self._tree()
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_END_SECONDS)
        for process in tree:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait()

    def _tree(self) -> list[psutil.Process]:
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.Error:
            return []

    def _answering(self, port: int | None) -> list[psutil.Process]:
        tree = self._tree()
        if port is None:
            return tree
        # The first is the supervisor, whose words name all ports.
        for process in tree[1:]:
            with contextlib.suppress(psutil.Error):
                if str(port) in process.cmdline():
                    return [process, *process.children(recursive=True)]
        return []


def wait_until_it_answers(server: Server, port: int, *, seconds: float = 180.0) -> None:
    """Wait until somebody listens.

    Raises
    ------
    RuntimeError
        The process ended, or nobody listens in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not server.has_ended:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"it did not start:\n{server.said()}")


def _pss(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
