"""One supervised process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_site.supervisor.backoff import Backoff
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.guard import Guard


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Parameters
    ----------
    name
        One short word, the prefix of its output.
    command
        The program and its arguments.
    environment
        Variables on top of the supervisor's own.
    restarts
        Whether it is started again when it ends.
    stops_last
        Whether the others must have ended before it is told to (they still need it).
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = True
    stops_last: bool = False


class Child:
    """A program, running as a process group of its own, or waiting to run again."""

    def __init__(self, program: Program, *, console: Console, guard: Guard, folder: Path) -> None:
        self.program = program
        self.exit_code: int | None = None
        self.starts = 0
        self._console = console
        self._guard = guard
        self._folder = folder
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_again_at: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The process id, which is that of the process group too."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; only ever called from the main thread."""
        self._start_again_at = None
        self._started_at = time.monotonic()
        self.starts += 1
        self._process = subprocess.Popen(
            self.program.command,
            env={**os.environ, **self.program.environment},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._guard.watch(self._process.pid)
        assert self._process.stdout is not None
        self._console.pump(self.program.name, self._process.stdout)

    def look(self, *, may_restart: bool) -> None:
        """Notice that the process ended, and start it again when its time has come."""
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._bury(code, may_restart=may_restart)
        elif may_restart and self._is_due():
            self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process (not to its group: a server ends its own workers)."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the whole group and wait for the process."""
        if self._process is not None:
            self._kill_group()
            self._bury(self._process.wait(), may_restart=False)

    def _is_due(self) -> bool:
        return self._start_again_at is not None and time.monotonic() >= self._start_again_at

    def _kill_group(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _bury(self, code: int, *, may_restart: bool) -> None:
        assert self._process is not None
        self._kill_group()  # workers of a server that died would keep its port
        self._guard.forget(self._process.pid)
        self._process = None
        self.exit_code = code
        ending = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        if may_restart and self.program.restarts:
            wait = self._backoff.next_wait_seconds(time.monotonic() - self._started_at)
            self._start_again_at = time.monotonic() + wait
            self._console.say(self.program.name, f"{ending}; starting it again in {wait:g} s")
        else:
            self._console.say(self.program.name, ending)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
