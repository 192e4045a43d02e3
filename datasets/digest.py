"""One SHA-256 over all rows of a table, whatever pieces the rows come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datasets.schema import ColumnType, Schema

FORMAT = "rows-sha256-v1"
_CANONICAL_NAN = np.float64(np.nan)


class RowsDigest:
    """The digest of a table's rows, fed column by column or batch by batch.

    Each column has two running SHA-256 sums, so the result depends on the sequence of its values
    only, never on how they are cut into batches:

    * *shape*: one byte per row that tells whether there is a value; for text the length of each
      value in bytes as a little-endian 64-bit integer instead, with -1 for null;
    * *content*: integers and timestamps (microseconds since 1970, UTC) as little-endian 64-bit
      integers, numbers as little-endian IEEE 754 doubles (each NaN as the same one), booleans as
      one byte, text as its UTF-8 bytes; a null counts as zero, or as no bytes for text.

    The digest is the SHA-256 of a JSON header (format name, row count, names and types of the
    columns in order) followed by the two sums of each column. Roles and nullability do not enter.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._shapes = [hashlib.sha256() for _ in schema]
        self._contents = [hashlib.sha256() for _ in schema]
        self._rows = [0] * len(schema)
        self._positions = {name: i for i, name in enumerate(schema.names)}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in further rows of all columns."""
        for name in self._schema.names:
            self.update_column(name, batch.column(name))

    def update_column(self, name: str, values: pa.Array | pa.ChunkedArray) -> None:
        """Take in further values of one column, in the Arrow type of its logical type."""
        at = self._positions[name]
        type_ = self._schema.columns[at].type
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        for chunk in chunks:
            if chunk.type != type_.arrow:
                raise TypeError(f"column {name!r} is {chunk.type}, expected {type_.arrow}")
            shape, content = _canonical(chunk, type_)
            self._shapes[at].update(shape)
            self._contents[at].update(content)
            self._rows[at] += len(chunk)

    def hexdigest(self) -> str:
        """Return the digest of everything taken in so far.

        Raises
        ------
        ValueError
            The columns have been given different numbers of rows.
        """
        counts = set(self._rows)
        if len(counts) > 1:
            raise ValueError("the columns have different numbers of rows")
        header = json.dumps(
            [FORMAT, max(counts, default=0), [[c.name, c.type.value] for c in self._schema]],
            ensure_ascii=True,
            separators=(",", ":"),
        )
        total = hashlib.sha256(header.encode("ascii"))
        for shape, content in zip(self._shapes, self._contents, strict=True):
            total.update(shape.digest())
            total.update(content.digest())
        return total.hexdigest()


def digest_batches(schema: Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """Return the digest of the rows of all batches together."""
    digest = RowsDigest(schema)
    for batch in batches:
        digest.update(batch)
    return digest.hexdigest()


_Bytes = memoryview | bytes


def _canonical(array: pa.Array, type_: ColumnType) -> tuple[_Bytes, _Bytes]:
    if type_ is ColumnType.STRING:
        return _canonical_text(array)
    has_nulls = array.null_count > 0
    shape = _bits(array, 0) if has_nulls else np.ones(len(array), "u1")
    if type_ is ColumnType.BOOLEAN:
        truths = _bits(array, 1)
        return shape.data, (truths & shape if has_nulls else truths).data
    if type_ is ColumnType.NUMBER:
        filled = pc.fill_null(array, 0.0) if has_nulls else array
        numbers = filled.to_numpy(zero_copy_only=False).astype("<f8", copy=False)
        nans = np.isnan(numbers)
        numbers = np.where(nans, _CANONICAL_NAN, numbers) if nans.any() else numbers
        return shape.data, np.ascontiguousarray(numbers).data
    integers = array.cast(pa.int64())
    filled = pc.fill_null(integers, 0) if has_nulls else integers
    values = filled.to_numpy(zero_copy_only=False).astype("<i8", copy=False)
    return shape.data, np.ascontiguousarray(values).data


def _bits(array: pa.Array, buffer: int) -> npt.NDArray[np.uint8]:
    """Return a bitmap of an array (0: which values are there; 1: booleans) as a byte for each value."""
    bits = array.buffers()[buffer]
    if bits is None:
        return np.zeros(len(array), "u1")
    begin, end = array.offset, array.offset + len(array)
    packed = np.frombuffer(bits, "u1", count=(end + 7) // 8)[begin // 8 :]
    return np.unpackbits(packed, count=end - begin // 8 * 8, bitorder="little")[begin % 8 :]


def _canonical_text(array: pa.Array) -> tuple[_Bytes, _Bytes]:
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return b"", b""
    ends = np.frombuffer(offsets, dtype="<i4", count=array.offset + len(array) + 1)[array.offset :]
    lengths = np.diff(ends).astype("<i8")
    if array.null_count:
        present = _bits(array, 0).view(np.bool_)
        if lengths[~present].any():
            # Something is under a null. Filling makes new buffers, in which nothing is.
            _, content = _canonical_text(pc.fill_null(array, ""))
            return np.where(present, lengths, -1).data, content
        lengths[~present] = -1
    return lengths.data, b"" if data is None else memoryview(data)[int(ends[0]) : int(ends[-1])]
