"""Work that is done beside the caller, in order, and never far behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import pyarrow as pa

WAITING_BYTES = 24 << 20
"""So many bytes of rows may wait for a lane; one batch always may."""


class Lane:
    """A thread that takes in batches one after the other, while the caller fetches the next ones.

    Left in peace, it has taken in all of them; left by an error, those that wait are dropped.

    Parameters
    ----------
    work
        Called with each batch, in their order. What it raises is raised where the next batch is given, or
        at the end.
    """

    def __init__(self, work: Callable[[pa.RecordBatch], None], *, name: str) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[tuple[int, Future[None]]] = deque()
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            while kind is None and self._waiting:
                self._take_away()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def put(self, batch: pa.RecordBatch) -> None:
        """Give a batch; waits as long as too many bytes are waiting."""
        size = int(batch.nbytes)
        while self._waiting and (self._waiting[0][1].done() or self._bytes + size > WAITING_BYTES):
            self._take_away()
        self._waiting.append((size, self._pool.submit(self._work, batch)))
        self._bytes += size

    def _take_away(self) -> None:
        size, done = self._waiting.popleft()
        self._bytes -= size
        done.result()
