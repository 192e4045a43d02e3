"""Looking for a value in every byte below a folder, also in those that are compressed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq


def files_that_spell(value: str, below: Path) -> list[str]:
    """Return the files that hold a value, as text, as JSON spells it, or in a compressed column."""
    wanted = [value.encode(), json.dumps(value)[1:-1].encode(), value.encode("utf-16-le")]
    return sorted(
        str(path.relative_to(below))
        for path in below.rglob("*")
        if path.is_file() and any(one in data for data in _contents(path) for one in wanted)
    )


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    if raw[:4] == b"PAR1":
        table = pq.read_table(path, partitioning=None)
        yield str(table.to_pylist()).encode()
    elif raw[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(raw)
        except (OSError, zlib.error):
            return
