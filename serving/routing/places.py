"""How many predictions are computed, and how many streams are open, at the same time."""

from __future__ import annotations

from types import TracebackType

from serving.errors import TooManyAtOnce


class Places:
    """A context that so many may be in at once; the next is refused, and never waits.

    Whoever asks in vain tries again later, at another process perhaps; a queue here would only grow. Taking from a
    list is one step for all threads, and costs a twentieth of a semaphore.
    """

    def __init__(
        self, count: int, refusal: str = "As many predictions as allowed are being made."
    ) -> None:
        self._free = [None] * count
        self._refusal = refusal

    def __enter__(self) -> None:
        """Take a place.

        Raises
        ------
        TooManyAtOnce
            None is free.
        """
        try:
            self._free.pop()
        except IndexError:
            raise TooManyAtOnce(self._refusal, retry_after=1) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back."""
        self._free.append(None)
