"""The digest covers every cell, and nothing but the cells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.digest import RowsDigest, digest_batches
from datasets.schema import Column, ColumnType, Schema

SCHEMA = Schema(tuple(Column(t.value, t) for t in ColumnType))
_ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.none()
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001
        lambda moment: moment.replace(tzinfo=UTC)
    ),
)
_ROWS = st.lists(_ROW, min_size=1, max_size=12)


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(values, c.type.arrow) for values, c in zip(columns, SCHEMA, strict=True)],
        schema=SCHEMA.to_arrow(),
    )


def digest_of(table: pa.Table, size: int = 1 << 16) -> str:
    return digest_batches(SCHEMA, table.to_batches(max_chunksize=size))


@given(_ROWS, st.integers(1, 5), st.integers(0, 3))
def test_the_digest_does_not_depend_on_how_rows_are_cut(
    rows: list[tuple[Any, ...]], size: int, offset: int
) -> None:
    table = table_of(rows)
    whole = digest_of(table)
    assert digest_of(table, size) == whole
    padded = pa.concat_tables([table.slice(0, 1)] * offset + [table]).combine_chunks()
    assert digest_of(padded.slice(offset)) == whole
    by_column = RowsDigest(SCHEMA)
    for name in reversed(SCHEMA.names):
        by_column.update_column(name, table.column(name))
    assert by_column.hexdigest() == whole


@given(_ROWS, st.data())
def test_the_digest_changes_with_any_cell(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(SCHEMA) - 1))
    changed = [list(r) for r in rows]
    changed[row][column] = data.draw(_ROW)[column]
    before, after = table_of(rows), table_of([tuple(r) for r in changed])
    same = repr(before.column(column)[row].as_py()) == repr(after.column(column)[row].as_py())
    assert (digest_of(before) == digest_of(after)) is same


def test_bytes_cannot_wander_between_cells() -> None:
    schema = Schema((Column("a", ColumnType.STRING), Column("b", ColumnType.STRING)))

    def digest(a: list[str | None], b: list[str | None]) -> str:
        batch = pa.record_batch([pa.array(a), pa.array(b)], schema=schema.to_arrow())
        return digest_batches(schema, [batch])

    assert digest(["xy", "z"], ["q", "q"]) != digest(["x", "yz"], ["q", "q"])
    assert digest(["", "z"], ["q", "q"]) != digest([None, "z"], ["q", "q"])
    assert digest(["x"], ["y"]) != digest(["y"], ["x"])


def test_names_and_types_are_part_of_the_digest() -> None:
    def digest(name: str, type_: ColumnType) -> str:
        schema = Schema((Column(name, type_),))
        values = pa.array([None, None], type_.arrow)
        return digest_batches(schema, [pa.record_batch([values], schema=schema.to_arrow())])

    found = {digest(name, type_) for name in "ab" for type_ in ColumnType}
    assert len(found) == 2 * len(ColumnType)


def test_what_is_under_a_null_does_not_matter() -> None:
    schema = Schema((Column("a", ColumnType.INTEGER),))
    clean = pa.array([1, None], pa.int64())
    dirty = pa.Array.from_buffers(
        pa.int64(),
        2,
        [pa.py_buffer(b"\x01"), pa.py_buffer((1).to_bytes(8, "little") + b"\xff" * 8)],
    )
    digests = {
        digest_batches(schema, [pa.record_batch([a], schema=schema.to_arrow())])
        for a in (clean, dirty)
    }
    assert len(digests) == 1


def test_the_format_of_the_digest_is_frozen() -> None:
    table = table_of(
        [(1, 0.5, True, "é", datetime(2020, 1, 1, tzinfo=UTC)), (None, None, None, None, None)]
    )
    assert digest_of(table) == FROZEN


def test_a_wrong_arrow_type_is_a_programming_error() -> None:
    digest = RowsDigest(Schema((Column("a", ColumnType.INTEGER),)))
    with pytest.raises(TypeError, match="int32"):
        digest.update_column("a", pa.array([1], pa.int32()))


FROZEN = "5b309f04761e12ed28d6ac89e44a9f0bc881d830561817989cabca10bd208a38"
