"""One Parquet file of a Delta table, written in the caller's own thread, with what the table's log says of it.

The engine writes in threads of its own, which have the priority of whoever used it first; and it takes half as much time
again. Texts that are long get neither a dictionary nor bounds: what they say is looked up by nobody, and a bound would
carry it into the log.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.object_storage import folder_of, is_object

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

#: Level 4 takes half as much time again and saves nothing.
_COMPRESSION, _LEVEL = "zstd", 1
_FIRST_ROWS = 1_000
#: Texts of more bytes, on average, are long.
_LONG_BYTES = 64
#: Texts whose first rows have fewer different values than this share get a dictionary.
_FEW = 0.2
_MILLISECOND = timedelta(milliseconds=1)
#: As in the engine's own files: bounds of the first columns only, so that the log stays small.
_BOUNDED_COLUMNS = 32
_PLAIN = re.compile(r"[\w.-]+=[\w.-]+", re.ASCII)

Partition = Mapping[str, str | None]
"""Values of the partition columns that all rows of a file share, as the log spells them."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file: its name in the table's folder, and what the log will say about it.

    Attributes
    ----------
    changed_ms
        Unix time in milliseconds; files in this order have their rows in the order in which they were appended.
    """

    name: str
    size_bytes: int
    partition: Partition
    statistics: str
    changed_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    def action(self, *, is_new: bool = True) -> AddAction:
        """Return what a commit adds; ``is_new`` is False where the rows were in the table before."""
        from deltalake.transaction import AddAction

        return AddAction(
            self.name,
            self.size_bytes,
            dict(self.partition),
            self.changed_ms,
            is_new,
            self.statistics,
        )


def write_file(
    path: str,
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    *,
    partition: Partition,
    row_group_rows: int | None = None,
) -> LakeFile | None:
    """Write rows into a file of a table, which a commit has to name; None when there is not a single row.

    Parameters
    ----------
    path
        Address of the table.
    schema
        Of the rows, without the columns in ``partition``.
    tables
        The rows, some at a time. Where row groups are to be of one size, so have these to be.
    row_group_rows
        The most rows of a row group; Arrow's choice, when absent.

    Raises
    ------
    OSError
        The disk is full or gone, or the object storage does not answer; nothing is left behind.
    """
    import pyarrow.parquet as pq

    files = folder_of(path)
    folder = _folder(partition)
    name = f"{folder}/part-{uuid4().hex}.parquet".lstrip("/")
    writer: pq.ParquetWriter | None = None
    sink = None
    try:
        for table in tables:
            if not table.num_rows:
                continue
            if writer is None:
                if folder and not is_object(path):
                    files.create_dir(folder)
                sink = files.open_output_stream(name)
                writer = pq.ParquetWriter(sink, schema, **_settings(table))
            writer.write_table(table, row_group_size=row_group_rows)
        if writer is None or sink is None:
            return None
        writer.close()
        statistics = _statistics(writer.writer.metadata)
        sink.close()
        return LakeFile(name, int(files.get_file_info(name).size), partition, statistics)
    except BaseException:
        if sink is not None:
            remove_file(path, name)
        raise


def remove_file(path: str, name: str) -> None:
    """Remove a file that no commit names; it does not matter whether it is there."""
    files = folder_of(path)
    try:
        files.delete_file(name)
    except FileNotFoundError:
        return


def _folder(partition: Partition) -> str:
    """Return the folder of a partition, ``day=2026-01-31``, for the eye: what the log says is what counts.

    Values that would have to be escaped, which readers do in different ways, have none.
    """
    parts = [f"{key}={value}" for key, value in partition.items()]
    return "/".join(parts) if all(_PLAIN.fullmatch(part) for part in parts) else ""


def _settings(first: pa.Table) -> dict[str, Any]:
    """Return how the columns are written, judged by the first rows."""
    head = first.slice(0, _FIRST_ROWS)
    dictionaries, bounded, encodings = [], [], {}
    for name, column in zip(head.column_names, head.columns, strict=True):
        if pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type):
            encodings[name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_string(column.type):
            if column.nbytes > _LONG_BYTES * len(head):
                continue
            if pc.count_distinct(column).as_py() <= max(1, _FEW * len(head)):
                dictionaries.append(name)
        elif pa.types.is_nested(column.type):
            continue
        bounded.append(name)
    return {
        "compression": _COMPRESSION,
        "compression_level": _LEVEL,
        "use_dictionary": dictionaries,
        "column_encoding": encodings or None,
        "write_statistics": bounded,
    }


def _statistics(metadata: pq.FileMetaData) -> str:
    """Return row count, nulls, smallest and largest values, as Delta's log has them."""
    nulls: dict[str, int] = {}
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    for place in range(min(metadata.num_columns, _BOUNDED_COLUMNS)):
        parts = [group.column(place) for group in groups]
        name = parts[0].path_in_schema
        known = [part.statistics for part in parts if part.statistics is not None]
        if len(known) != len(parts) or not all(one.has_null_count for one in known):
            continue
        nulls[name] = sum(one.null_count for one in known)
        bounds = [one for one in known if one.has_min_max]
        if not bounds or len(bounds) + _only_nulls(known) != len(known):
            continue
        least, most = min(one.min for one in bounds), max(one.max for one in bounds)
        if _may_be_told(least) and _may_be_told(most):
            low[name], high[name] = _rounded(least, up=False), _rounded(most, up=True)
    return json.dumps(
        {
            "numRecords": metadata.num_rows,
            "minValues": low,
            "maxValues": high,
            "nullCount": nulls,
        },
        # The engine reads a character of two escapes as something else.
        ensure_ascii=False,
    )


def _only_nulls(known: Sequence[pq.Statistics]) -> int:
    return sum(one.num_values == 0 for one in known)


def _may_be_told(bound: Any) -> bool:
    """Whether a value can stand in the log: NaN is in no order, and a long text would tell too much."""
    if isinstance(bound, str):
        return len(bound.encode()) <= _LONG_BYTES
    return isinstance(bound, int | datetime) and not isinstance(bound, bool)


def _rounded(bound: Any, *, up: bool) -> Any:
    """Return a moment in whole milliseconds, which is what readers of the log take; others as they are."""
    if not isinstance(bound, datetime):
        return bound
    floor = bound - timedelta(microseconds=bound.microsecond % 1000)
    moment = floor + _MILLISECOND if up and floor != bound else floor
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
