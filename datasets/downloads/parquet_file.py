"""Parquet that is written row group by row group, and sent as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 131_072


class _Outbox:
    """A file that hands out what was written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        content = bytes(data)
        self._parts.append(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def take(self) -> bytes:
        """Return what was written since the last time."""
        content, self._parts = b"".join(self._parts), []
        return content


def parquet_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield the file piece by piece; at most one row group is held in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    outbox = _Outbox()
    waiting: list[pa.RecordBatch] = []
    rows = 0
    with pq.ParquetWriter(pa.PythonFile(outbox, mode="w"), schema, compression="zstd") as writer:
        for batch in batches:
            waiting.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_PER_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema=schema))
                waiting, rows = [], 0
                yield outbox.take()
        if rows:
            writer.write_table(pa.Table.from_batches(waiting, schema=schema))
    yield outbox.take()
