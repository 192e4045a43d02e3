"""How the columns of a Parquet file are stored: decided from its first rows, so that each byte saved costs little.

Text columns with few values are dictionary-encoded. Integers and moments are stored as differences, and texts that
compress badly without their lengths between them: both make smaller files in less time. All else is plain. What
compresses badly as it is stored is not compressed. Bounds of texts are only kept where they can rule out rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

_FEW = 0.2
"""Text columns whose first rows have fewer different values than this share get a dictionary."""
_BADLY = 0.8
"""Columns that keep more than this share of their bytes when compressed do so badly."""
_FIRST_VALUES = 10_000
_COMPARED = 1_000
_WITHIN = 0.9
"""Bounds that hold more than this share of texts from elsewhere in the file rule out little."""
_COMPRESSION = "snappy"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the columns of a file are stored.

    Parameters
    ----------
    of_few
        Names of columns with a dictionary.
    encodings
        Encodings by name; the others are plain.
    compressed
        Names of columns that are compressed.
    bounded
        Names of columns whose smallest and largest values are kept for each row group.
    """

    of_few: list[str]
    encodings: dict[str, str]
    compressed: list[str] = field(default_factory=list)
    bounded: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, first: pa.Table) -> Self:
        """Return how to store a table, judged by its first rows: best its first row group."""
        head = first.slice(0, _FIRST_VALUES)
        of_few = [name for name in head.column_names if _has_few_values(head.column(name))]
        encodings = {
            name: encoding
            for name in head.column_names
            if name not in of_few and (encoding := _encoding(head.column(name))) is not None
        }
        trial = cls(of_few, encodings, compressed=list(head.column_names))
        bounded = [name for name in first.column_names if _are_bounds_of_use(first.column(name))]
        return cls(of_few, encodings, _compressing_well(head, trial), bounded)

    def options(self) -> dict[str, Any]:
        """Return what a :class:`pyarrow.parquet.ParquetWriter` is to be told."""
        return {
            "use_dictionary": self.of_few,
            "column_encoding": self.encodings or None,
            "compression": dict.fromkeys(self.compressed, _COMPRESSION),
            "write_statistics": self.bounded,
        }


def _has_few_values(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.count_distinct(column).as_py() <= _FEW * len(column))


def _encoding(column: pa.ChunkedArray) -> str | None:
    """Return how the values of a column are stored; None for plain, one after the other."""
    if pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type):
        return "DELTA_BINARY_PACKED"
    if pa.types.is_string(column.type) and _text_compresses_badly(column):
        return "DELTA_LENGTH_BYTE_ARRAY"
    return None


def _text_compresses_badly(texts: pa.ChunkedArray) -> bool:
    content = "".join(texts.drop_null().to_pylist()).encode()
    return len(pa.compress(content, _COMPRESSION, asbytes=True)) > _BADLY * len(content)


def _compressing_well(head: pa.Table, trial: Layout) -> list[str]:
    """Return the columns that compression makes much smaller, found by writing the first rows to memory."""
    import pyarrow.parquet as pq

    written: list[pq.FileMetaData] = []
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, head.schema, metadata_collector=written, **trial.options()
    ) as writer:
        writer.write_table(head, row_group_size=max(1, head.num_rows))
    group = written[0].row_group(0)
    stored = zip(head.column_names, map(group.column, range(group.num_columns)), strict=True)
    return [
        name
        for name, chunk in stored
        if chunk.total_compressed_size <= _BADLY * chunk.total_uncompressed_size
    ]


def _are_bounds_of_use(column: pa.ChunkedArray) -> bool:
    """Whether the smallest and the largest value of a stretch are likely to rule out values from elsewhere.

    Those of numbers and moments count as useful, and cost next to nothing. Those of texts are when texts far apart in the
    first rows differ in order (they are sorted, or nearly so), or when all are the same.
    """
    if not pa.types.is_string(column.type):
        return True
    texts = column.drop_null()
    bounds = pc.min_max(texts.slice(0, _COMPARED))
    low, high = bounds["min"], bounds["max"]
    if low == high:
        return True
    last = texts.slice(max(0, len(texts) - _COMPARED))
    within = pc.and_(pc.greater_equal(last, low), pc.less_equal(last, high))
    return bool(pc.mean(within).as_py() <= _WITHIN)
