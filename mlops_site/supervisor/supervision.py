"""Keeping processes running until somebody asks to stop, and then ending all of them in time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from mlops_site.supervisor.children import Child, Program
from mlops_site.supervisor.console import Console
from mlops_site.supervisor.errors import StopRequested
from mlops_site.supervisor.guard import Guard

_LOOK_SECONDS = 0.1
#: So many requests to stop mean: now, by force.
_AT_ONCE = 2


class Supervisor:
    """Starts programs, restarts those that die, ends all.

    Parameters
    ----------
    console
        Where their output goes.
    folder
        Their working folder.
    grace_seconds
        How long they may take to end before they are killed.
    last_grace_seconds
        How long those that stop last may take after that.
    """

    def __init__(
        self,
        *,
        console: Console,
        folder: Path,
        grace_seconds: float = 27.0,
        last_grace_seconds: float = 4.0,
    ) -> None:
        self._console = console
        self._folder = folder
        self._grace_seconds = grace_seconds
        self._last_grace_seconds = last_grace_seconds
        self._guard = Guard()
        self._children: dict[str, Child] = {}
        # A plain number: a signal handler that took a lock could wait for the code it interrupted.
        self._stop_requests = 0

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stop_requests > 0

    def listen_to_signals(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP as the wish to stop; a second one means at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def request_stop(self) -> None:
        """Ask to stop, like a signal does."""
        self._stop_requests += 1

    def start(self, program: Program) -> Child:
        """Start a program and look after it from now on."""
        child = Child(program, console=self._console, guard=self._guard, folder=self._folder)
        self._children[program.name] = child
        child.start()
        return child

    def child(self, name: str) -> Child:
        """Return a child by its name."""
        return self._children[name]

    def wait_until(self, is_done: Callable[[], bool], *, timeout_seconds: float) -> bool:
        """Look after the children until something is the case; False when the time is over.

        Raises
        ------
        StopRequested
            Somebody asked to stop meanwhile.
        """
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            self._look(may_restart=True)
            if self.is_stopping:
                raise StopRequested
            if is_done():
                return True
            time.sleep(_LOOK_SECONDS)
        return False

    def run(self) -> None:
        """Look after the children until somebody asks to stop."""
        while not self.is_stopping:
            self._look(may_restart=True)
            time.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """End all children: politely, then by force; those that the others need come last."""
        needed = [child for child in self._children.values() if child.program.stops_last]
        others = [child for child in self._children.values() if not child.program.stops_last]
        self._end(others, self._grace_seconds)
        self._end(needed, self._last_grace_seconds)
        self._guard.close()

    def _end(self, children: list[Child], grace_seconds: float) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        while time.monotonic() < deadline and self._stop_requests < _AT_ONCE:
            self._look(may_restart=False)
            if not any(child.is_running for child in children):
                return
            time.sleep(_LOOK_SECONDS)
        for child in children:
            if child.is_running:
                self._console.say(child.program.name, "did not end in time; killing it")
                child.kill()

    def _look(self, *, may_restart: bool) -> None:
        for child in list(self._children.values()):
            child.look(may_restart=may_restart)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.request_stop()
