"""What is scored so far, on disk: one Parquet file for each stretch of rows.

A file has its name only when it is complete, so whatever has a name is never scored again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: As many rows as the lake puts into a row group, so that a stretch is read without its neighbours.
SHARD_ROWS = 131_072

_PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Shard:
    """A stretch of rows of the version that is scored."""

    number: int
    first_row: int
    row_count: int


def shards_of(row_count: int, *, shard_rows: int = SHARD_ROWS) -> list[Shard]:
    """Return the stretches that cover a version.

    Examples
    --------
    >>> [(one.first_row, one.row_count) for one in shards_of(5, shard_rows=2)]
    [(0, 2), (2, 2), (4, 1)]
    """
    return [
        Shard(number, first, min(shard_rows, row_count - first))
        for number, first in enumerate(range(0, row_count, shard_rows))
    ]


class ShardFolder:
    """The scored shards of one job.

    Parameters
    ----------
    path
        A folder of the job's own.
    plan
        What is scored by what (JSON-compatible); files of another plan are thrown away.
    """

    def __init__(self, path: Path, plan: Mapping[str, Any]) -> None:
        self._path = path
        wanted = json.dumps(plan, sort_keys=True)
        noted = path / _PLAN
        if not noted.exists() or noted.read_text() != wanted:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            _write_whole(noted, wanted.encode())

    def has(self, shard: Shard) -> bool:
        """Whether a shard is scored already."""
        return self._file(shard).exists()

    def write(self, shard: Shard, table: pa.Table) -> None:
        """Keep a scored shard: all of it, or nothing."""
        target = self._file(shard)
        waiting = target.with_suffix(".part")
        pq.write_table(table, waiting, compression="lz4", row_group_size=SHARD_ROWS)
        with waiting.open("rb") as written:
            os.fsync(written.fileno())
        waiting.replace(target)

    def read(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a scored shard."""
        yield from pq.read_table(self._file(shard)).to_batches()

    def remove(self) -> None:
        """Throw all shards away."""
        shutil.rmtree(self._path, ignore_errors=True)

    def _file(self, shard: Shard) -> Path:
        return self._path / f"{shard.number:06d}.parquet"


def _write_whole(path: Path, content: bytes) -> None:
    waiting = path.with_suffix(".part")
    waiting.write_bytes(content)
    waiting.replace(path)
