"""Writing the Parquet files of a Delta table, ready to be committed.

The files are written with Arrow in the caller's stream of batches, so that nothing is held but the row
group that is being filled, and committed afterwards in one action. Text columns with few values are
dictionary-encoded. Integers are stored as differences, and texts that compress badly without their lengths
between them: both make smaller files in less time. All else is plain.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.object_storage import folder_of

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from deltalake.transaction import AddAction

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 48 << 20
FILE_BYTES = 256 << 20
"""Bytes of values (not of the file) after which the next file is begun."""
_FEW = 0.2
"""Text columns whose first rows have fewer different values than this share get a dictionary."""
_BADLY = 0.8
"""Texts that keep more than this share of their bytes when compressed do so badly."""
_FIRST_VALUES = 10_000
_STATISTICS_LENGTH = 32
_COMPRESSION = "snappy"


@dataclass(frozen=True, slots=True)
class Part:
    """A finished file: its name in the table's folder, and what the log will say about it."""

    name: str
    size_bytes: int
    statistics: str

    def action(self) -> AddAction:
        """Return what the commit adds."""
        from deltalake.transaction import AddAction

        moment = int(time.time() * 1000)
        return AddAction(self.name, self.size_bytes, {}, moment, True, self.statistics)


class Parts:
    """Writes batches into files of bounded size.

    Left by an error, it removes what it has written. A process that is killed leaves files that no
    commit names; the next attempt under the same prefix removes them first.

    Parameters
    ----------
    path
        Address of the table: a folder, or ``s3://…``.
    prefix
        Beginning of the names of all files: the same for each attempt at the same write, and for no other.
    """

    def __init__(self, path: str, schema: pa.Schema, *, prefix: str) -> None:
        self._schema = schema
        self._prefix = prefix
        self._files = folder_of(path)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._sink: Any = None
        self._name = ""
        self._file_bytes = 0
        self._counted = _Statistics(schema)
        self.parts: list[Part] = []

    def __enter__(self) -> Self:
        self._remove_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
            self._end_file()
            return
        if self._writer is not None:
            self._abandon()
        self._remove_all()

    def write(self, batch: pa.RecordBatch) -> None:
        """Take in further rows."""
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        rows = sum(one.num_rows for one in self._waiting)
        if rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def discard(self) -> None:
        """Remove the files that were finished: they will not be committed."""
        self._remove_all()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        size, self._waiting, self._waiting_bytes = self._waiting_bytes, [], 0
        writer = self._writer or self._begin_file(table)
        writer.write_table(table, row_group_size=table.num_rows)
        self._counted.update(table)
        self._file_bytes += size
        if self._file_bytes >= FILE_BYTES:
            self._end_file()

    def _begin_file(self, first: pa.Table) -> pq.ParquetWriter:
        import pyarrow.parquet as pq

        self._name = f"{self._prefix}-{len(self.parts):05}-{uuid4().hex}.parquet"
        self._sink = self._files.open_output_stream(self._name)
        self._file_bytes = 0
        of_few = _columns_of_few(first)
        encodings: Any = {
            name: encoding
            for name, column in zip(first.column_names, first.columns, strict=True)
            if name not in of_few and (encoding := _encoding(column)) is not None
        }
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression=_COMPRESSION,
            use_dictionary=of_few,
            column_encoding=encodings or None,
        )
        return self._writer

    def _end_file(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._sink.close()
        self._writer = None
        size = int(self._files.get_file_info(self._name).size)
        self.parts.append(Part(self._name, size, self._counted.to_json()))
        self._counted = _Statistics(self._schema)

    def _abandon(self) -> None:
        writer, self._writer = self._writer, None
        try:
            assert writer is not None
            writer.close()
            self._sink.close()
        except (OSError, pa.ArrowException):
            return  # the disk is full, perhaps: what is there is removed all the same

    def _remove_all(self) -> None:
        from pyarrow import fs

        found = self._files.get_file_info(
            fs.FileSelector("", recursive=False, allow_not_found=True)
        )
        for info in found:
            if info.base_name.startswith(self._prefix):
                self._files.delete_file(info.path)
        self.parts = []


def _columns_of_few(table: pa.Table) -> list[str]:
    """Return the text columns that repeat their values, judged by the first rows."""
    names = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_string(column.type):
            head = column.slice(0, _FIRST_VALUES)
            if pc.count_distinct(head).as_py() <= _FEW * len(head):
                names.append(name)
    return names


def _encoding(column: pa.ChunkedArray) -> str | None:
    """Return how the values of a column are stored; None for plain, one after the other."""
    if pa.types.is_integer(column.type):
        return "DELTA_BINARY_PACKED"
    if pa.types.is_string(column.type) and _compresses_badly(column.slice(0, _FIRST_VALUES)):
        return "DELTA_LENGTH_BYTE_ARRAY"
    return None


def _compresses_badly(texts: pa.ChunkedArray) -> bool:
    content = "".join(texts.drop_null().to_pylist()).encode()
    return len(pa.compress(content, _COMPRESSION, asbytes=True)) > _BADLY * len(content)


class _Statistics:
    """Row count, nulls, smallest and largest values of a file, as Delta's log has them."""

    def __init__(self, schema: pa.Schema) -> None:
        # As in the engine's own files: the first columns only, so that the log stays small.
        self._schema = pa.schema(list(schema)[:_STATISTICS_LENGTH])
        self._rows = 0
        self._nulls = dict.fromkeys(self._schema.names, 0)
        self._low: dict[str, Any] = {}
        self._high: dict[str, Any] = {}

    def update(self, table: pa.Table) -> None:
        self._rows += table.num_rows
        for field in self._schema:
            column = table.column(field.name)
            self._nulls[field.name] += column.null_count
            if pa.types.is_string(field.type) or pa.types.is_boolean(field.type):
                continue
            bounds = pc.min_max(column)
            for kept, key, pick in ((self._low, "min", min), (self._high, "max", max)):
                value = bounds[key].as_py()
                if value is not None:
                    kept[field.name] = pick(kept.get(field.name, value), value)

    def to_json(self) -> str:
        return json.dumps(
            {
                "numRecords": self._rows,
                "minValues": _shown(self._low),
                "maxValues": _shown(self._high),
                "nullCount": self._nulls,
            },
            allow_nan=False,
        )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    # Moments are left out: the log keeps milliseconds only, and a bound that is cut is no bound.
    return {name: value for name, value in values.items() if not hasattr(value, "isoformat")}
