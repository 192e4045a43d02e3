"""Handing rows to whoever writes them, numbered, beside the thread that watches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import pyarrow as pa

from datasets.errors import NoRows
from datasets.schema import Schema

ROW_COLUMN = "__row__"
"""Counts the rows of a version from 0; see :mod:`datasets.lake.versions`."""

_POLL_SECONDS = 0.2


class _StoppedError(Exception):
    """The reader of the rows was told to stop."""


class Feed:
    """The rows with their numbers; told to stop, it raises where the next rows are asked for."""

    def __init__(self, schema: Schema, batches: Iterable[pa.RecordBatch], first_row: int) -> None:
        self.schema = pa.schema([pa.field(ROW_COLUMN, pa.int64()), *schema.to_arrow()])
        self.stop = threading.Event()
        self._batches = batches
        self._next_row = first_row
        self._first_row = first_row

    def rows(self) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Yield the batches as they came, and with their numbers."""
        for batch in self._batches:
            if self.stop.is_set():
                raise _StoppedError
            if batch.num_rows:
                yield batch, self._numbered(batch)
        if self._next_row == self._first_row:
            raise NoRows("There are no rows to write.", field="file")

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        start, self._next_row = self._next_row, self._next_row + batch.num_rows
        numbers = pa.array(np.arange(start, self._next_row, dtype=np.int64))
        return pa.RecordBatch.from_arrays([numbers, *batch.columns], schema=self.schema)


def run_beside(work: Callable[[], None], feed: Feed, on_wait: Callable[[], None] | None) -> None:
    """Run ``work`` beside the caller's thread, which keeps its database connection to itself."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="lake") as pool:
        future: Future[None] = pool.submit(work)
        while not wait([future], timeout=_POLL_SECONDS).done:
            try:
                if on_wait is not None:
                    on_wait()
            except BaseException:
                feed.stop.set()
                raise
        future.result()
