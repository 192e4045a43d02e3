"""So many at once, and no more: what is slow must not take the whole web process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import DomainError


class Turns:
    """Places for work within one process.

    Parameters
    ----------
    full
        The refusal for those who come when every place is taken.
    twice
        The refusal for those who have a place already; None lets them have several.
    """

    def __init__(self, full: DomainError, twice: DomainError | None = None) -> None:
        self._full, self._twice = full, twice
        self._lock = threading.Lock()
        self._holders: list[object] = []

    def enter(self, holder: object, *, places: int) -> None:
        """Take a place, or raise a refusal at once."""
        with self._lock:
            if self._twice is not None and holder in self._holders:
                raise self._twice
            if len(self._holders) >= places:
                raise self._full
            self._holders.append(holder)

    def leave(self, holder: object) -> None:
        """Give the place back."""
        with self._lock:
            self._holders.remove(holder)

    @contextmanager
    def turn(self, holder: object, *, places: int) -> Iterator[None]:
        """Take a place for as long as the block lasts."""
        self.enter(holder, places=places)
        try:
            yield
        finally:
            self.leave(holder)
