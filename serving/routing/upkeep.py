"""Threads that look after something for as long as a process lives."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db import Error as AnyDatabaseError
from django.db import close_old_connections, connections

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """What is done again and again.

    Attributes
    ----------
    pause_seconds
        How long to wait before each time; None: until :meth:`Upkeep.ring`.
    """

    do: Callable[[], None]
    pause_seconds: float | None = None


class Upkeep:
    """One thread for each duty; what goes wrong is told, and tried again the next time.

    Parameters
    ----------
    duties
        By the name of their thread.
    """

    def __init__(self, duties: Mapping[str, Duty]) -> None:
        self._duties = duties
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._rung = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pid = 0

    @property
    def is_running(self) -> bool:
        """Whether this very process has the threads: a fork does not take them along."""
        return self._pid == os.getpid()

    @property
    def is_ending(self) -> bool:
        """Whether the threads shall come to their end."""
        return self._stop.is_set()

    def start(self, *, first: Callable[[], None]) -> None:
        """Start the threads, after something that is done first; once in each process."""
        with self._starting:
            if self.is_running:
                return
            first()
            self._threads = [
                threading.Thread(target=self._keep, args=(duty,), name=name, daemon=True)
                for name, duty in self._duties.items()
            ]
            for thread in self._threads:
                thread.start()
            self._pid = os.getpid()

    def ring(self) -> None:
        """Let duties that wait for it be done."""
        self._rung.set()

    def close(self) -> None:
        """End the threads."""
        self._stop.set()
        self._rung.set()
        if self.is_running:
            for thread in self._threads:
                thread.join()

    def _wait(self, duty: Duty) -> None:
        if duty.pause_seconds is not None:
            self._stop.wait(duty.pause_seconds)
            return
        self._rung.wait()
        self._rung.clear()

    def _keep(self, duty: Duty) -> None:
        try:
            while True:
                self._wait(duty)
                if self.is_ending:
                    return
                try:
                    duty.do()
                except AnyDatabaseError as error:
                    # What is known stays good until the database answers again.
                    logger.warning("routes cannot be brought up to date: %s", error)
                except Exception:
                    logger.exception("routes cannot be brought up to date")
                finally:
                    close_old_connections()
        finally:
            connections.close_all()
