"""How many predictions are computed at the same time."""

from __future__ import annotations

import threading
from types import TracebackType

from serving.errors import TooManyAtOnce


class Places:
    """A context that so many threads may be in at once; the next is refused, and never waits.

    Whoever asks in vain tries again later, at another process perhaps; a queue here would only grow.
    """

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def __enter__(self) -> None:
        """Take a place.

        Raises
        ------
        TooManyAtOnce
            None is free.
        """
        if not self._free.acquire(blocking=False):
            raise TooManyAtOnce("As many predictions as allowed are being made.", retry_after=1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back."""
        self._free.release()
