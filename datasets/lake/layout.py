"""How the columns of a Parquet file are stored: decided from its first rows, so that each byte saved costs little.

Text columns with few values are dictionary-encoded. Integers and moments are stored as differences. All else is plain.

The files of dataset versions are large, written while somebody waits, and read by whatever query comes: texts that
compress badly are stored without their lengths between them, what compresses badly as it is stored is not compressed, and
bounds of texts are only kept where they can rule out rows. The files of a log are small, one a second, and put together
later: there is no time for trials, all is compressed well, and texts that are long (what was asked and answered) get
neither a dictionary nor bounds, because nobody looks for one.
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
_OF_VERSIONS, _OF_LOGS = "snappy", "zstd"
_LEVEL = 1
"""Of zstd: level 4 takes half as much time again and saves nothing."""
_FIRST_OF_LOG = 1_000
_LONG_BYTES = 64
"""Texts of more bytes, on average, are long."""


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
        Names of columns that are compressed, and by ``compression``.
    bounded
        Names of columns whose smallest and largest values are kept for each row group.
    """

    of_few: list[str]
    encodings: dict[str, str]
    compressed: list[str] = field(default_factory=list)
    bounded: list[str] = field(default_factory=list)
    compression: str = _OF_VERSIONS

    @classmethod
    def of_version(cls, first: pa.Table) -> Self:
        """Return how to store rows of a dataset version, judged by the first of them: best their first row group."""
        head = first.slice(0, _FIRST_VALUES)
        of_few = [name for name in head.column_names if _has_few_values(head.column(name))]
        encodings = _differences(head)
        for name in set(head.column_names).difference(of_few):
            if _is_text(head.column(name)) and _text_compresses_badly(head.column(name)):
                encodings[name] = "DELTA_LENGTH_BYTE_ARRAY"
        trial = cls(of_few, encodings, compressed=list(head.column_names))
        bounded = [name for name in first.column_names if _are_bounds_of_use(first.column(name))]
        return cls(of_few, encodings, _compressing_well(head, trial), bounded)

    @classmethod
    def of_log(cls, first: pa.Table) -> Self:
        """Return how to store rows of a table that grows by small appends, judged by the first of them."""
        head = first.slice(0, _FIRST_OF_LOG)
        long = {name for name in head.column_names if _is_long(head.column(name))}
        of_few = [
            name
            for name in head.column_names
            if name not in long and _has_few_values(head.column(name))
        ]
        bounded = [
            name
            for name in head.column_names
            if name not in long and not pa.types.is_nested(head.column(name).type)
        ]
        return cls(of_few, _differences(head), list(head.column_names), bounded, _OF_LOGS)

    def options(self) -> dict[str, Any]:
        """Return what a :class:`pyarrow.parquet.ParquetWriter` is to be told."""
        # Columns of lists have other names in the file: what is said of all of them is not said by name.
        is_log = self.compression == _OF_LOGS
        return {
            "use_dictionary": self.of_few,
            "column_encoding": self.encodings or None,
            "compression": _OF_LOGS if is_log else dict.fromkeys(self.compressed, _OF_VERSIONS),
            "compression_level": _LEVEL if is_log else None,
            "write_statistics": self.bounded,
        }


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type))


def _is_long(column: pa.ChunkedArray) -> bool:
    return _is_text(column) and bool(column.nbytes > _LONG_BYTES * len(column))


def _has_few_values(column: pa.ChunkedArray) -> bool:
    if not _is_text(column):
        return False
    return bool(pc.count_distinct(column).as_py() <= max(1, _FEW * len(column)))


def _differences(head: pa.Table) -> dict[str, str]:
    """Return the encodings of the columns that are stored as differences."""
    return {
        name: "DELTA_BINARY_PACKED"
        for name, column in zip(head.column_names, head.columns, strict=True)
        if pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type)
    }


def _text_compresses_badly(texts: pa.ChunkedArray) -> bool:
    content = "".join(texts.drop_null().to_pylist()).encode()
    return len(pa.compress(content, _OF_VERSIONS, asbytes=True)) > _BADLY * len(content)


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
    if not _is_text(column):
        return True
    texts = column.drop_null()
    bounds = pc.min_max(texts.slice(0, _COMPARED))
    low, high = bounds["min"], bounds["max"]
    if low == high:
        return True
    last = texts.slice(max(0, len(texts) - _COMPARED))
    within = pc.and_(pc.greater_equal(last, low), pc.less_equal(last, high))
    return bool(pc.mean(within).as_py() <= _WITHIN)
