"""What is scored so far, on disk: one Arrow file for each stretch of rows.

A file has its name only when it is complete, so whatever has a name is never scored again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

#: As many rows as the lake puts into a row group, or a few more.
SHARD_ROWS = 131_072

_PLAN = "plan.json"
_WRITTEN = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@dataclass(frozen=True, slots=True)
class Shard:
    """A stretch of rows of the version that is scored."""

    number: int
    first_row: int
    row_count: int


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

    def write(self, shard: Shard, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Keep a scored shard: all of it, or nothing."""
        target = self._file(shard)
        waiting = target.with_suffix(".part")
        with waiting.open("wb") as file:
            with pa.ipc.new_stream(file, schema, options=_WRITTEN) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(target)

    def read(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a scored shard."""
        with self._file(shard).open("rb") as file, pa.ipc.open_stream(file) as reader:
            yield from reader

    def remove(self) -> None:
        """Throw all shards away."""
        shutil.rmtree(self._path, ignore_errors=True)

    def _file(self, shard: Shard) -> Path:
        return self._path / f"{shard.number:06d}.arrow"


def _write_whole(path: Path, content: bytes) -> None:
    waiting = path.with_suffix(".part")
    waiting.write_bytes(content)
    waiting.replace(path)
