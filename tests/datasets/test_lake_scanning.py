"""No row is left out for what a table's log tells of its file: neither here nor by other readers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets import lake
from datasets.lake.statistics import statistics_of
from datasets.lake.upkeep import compact_pinned
from datasets.models import DatasetVersion

ALL_KINDS = pa.table(
    {
        "text": ["a", "b", None, "b"],
        "n": [3, None, 1, 2],
        "x": [0.5, float("nan"), None, -0.0],
        "ok": [True, None, False, False],
        "at": pa.array([0, 1_500, None, -7], pa.timestamp("us", "UTC")),
        "day": pa.array([date(2026, 1, 1), None, date(1960, 1, 1), date(2026, 1, 1)]),
        "price": pa.array([Decimal("1.50"), None, Decimal("-2.25"), None], pa.decimal128(5, 2)),
        "nothing": pa.nulls(4, pa.string()),
    }
)
BOUNDS = {
    "text": ("a", "b", 1),
    "n": (1, 3, 1),
    "at": ("1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.002Z", 1),
    "nothing": (None, None, 4),
}


def table_of(path: str, rows: pa.Table, told: Sequence[Sequence[str]]) -> DeltaTable:
    """A table of others: one file for each entry of ``told``, of whose columns the log has bounds."""
    Path(path).mkdir()
    actions = []
    for number, names in enumerate(told):
        file = Path(path, f"{number}.parquet")
        pq.write_table(rows, file)
        bounds = {name: BOUNDS[name] for name in names}
        statistics = {
            "numRecords": len(rows),
            "minValues": {name: low for name, (low, _, _) in bounds.items() if low is not None},
            "maxValues": {name: high for name, (_, high, _) in bounds.items() if high is not None},
            "nullCount": {name: nulls for name, (_, _, nulls) in bounds.items()},
        }
        size = file.stat().st_size
        actions.append(AddAction(file.name, size, {}, 1, True, json.dumps(statistics)))
    create_table_with_add_actions(path, Schema.from_arrow(rows.schema), actions)
    return DeltaTable(path)


def conditions_of(rows: pa.Table) -> list[tuple[str, Any]]:
    """Conditions on each column: that it has each of its values, has none, or has another one."""
    found: list[tuple[str, Any]] = []
    for name in rows.column_names:
        column = pads.field(name)
        found.append((name, column.is_null()))
        for value in set(rows[name].drop_null()):
            found.extend(
                [(name, column == value), (name, column >= value), (name, ~(column < value))]
            )
    return found


@pytest.mark.parametrize(
    "told",
    [
        [[]],
        [["n"]],
        [["text", "n", "at", "nothing"]],
        [["n"], ["text", "n", "at", "nothing"]],
        [["text"], [], ["n", "at"]],
    ],
)
def test_bounds_that_the_log_does_not_know_leave_no_row_out(
    tmp_path: Path, told: list[list[str]]
) -> None:
    table = table_of(str(tmp_path / "table"), ALL_KINDS, told)
    for name, condition in conditions_of(ALL_KINDS):
        wanted = ALL_KINDS.filter(condition).num_rows * len(told)
        assert lake.scan(table).to_table(filter=condition).num_rows == wanted, (name, condition)


def test_bounds_that_the_log_knows_leave_files_out(tmp_path: Path) -> None:
    table = table_of(str(tmp_path / "table"), ALL_KINDS, [["n"], ["text"]])
    fragments = list(lake.scan(table).get_fragments(filter=pads.field("n") == 7))
    assert [Path(one.path).name for one in fragments] == ["1.parquet"]


#: Texts around the length from which the log has only their beginning, with the characters at which a text can end.
TEXTS = st.one_of(
    st.text(max_size=80),
    st.text("a\U0010ffff\ud7ff", min_size=62, max_size=70),
    st.text("é𐀀\x80\0", min_size=60, max_size=70),
)


@settings(max_examples=80, deadline=None)
@given(
    moments=st.lists(
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
        min_size=4,
        max_size=4,
    ),
    texts=st.lists(TEXTS | st.none(), min_size=4, max_size=4),
    count=st.integers(1, 4),
    told=st.lists(st.sampled_from(["at", "text"]), unique=True),
)
def test_no_row_is_left_out_for_the_bounds_of_its_file(
    moments: list[datetime],
    texts: list[str | None],
    count: int,
    told: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = str(tmp_path_factory.mktemp("bounds") / "table")
    instants = [one.replace(tzinfo=UTC) for one in moments[:count]]
    columns = [pa.array(instants, pa.timestamp("us", "UTC")), pa.array(texts[:count], pa.string())]
    rows = pa.table(columns, names=["at", "text"])
    lake.ensure_table(path, rows.schema, configuration=lake.telling(told))
    lake.append(path, rows.slice(0, 1), transaction=("w", 1))
    lake.append(path, rows.slice(1), transaction=("w", 2))
    outside = DeltaTable(path).to_pyarrow_dataset()
    for name in rows.column_names:
        for value in rows[name]:
            column = pads.field(name)
            condition = column == value if value.is_valid else column.is_null()
            wanted = rows.filter(condition).num_rows
            found = lake.read_window(path, where=condition)
            assert found is not None
            assert found.num_rows == wanted
            assert outside.to_table(filter=condition).num_rows == wanted


def test_a_text_too_long_for_the_files_own_bounds_is_not_told_of(tmp_path: Path) -> None:
    rows = pa.table({"n": [1, 2], "text": ["a", "b" * 100_000]})
    pq.write_table(rows, tmp_path / "file")
    metadata = pq.ParquetFile(tmp_path / "file").metadata
    assert json.loads(statistics_of(metadata, ["n", "text"])) == {"numRecords": 2}
    assert json.loads(statistics_of(metadata, ["n"]))["maxValues"] == {"n": 2}


CELLS = "name,age,at,ok\nAda,36,2026-01-01,true\nAlan,41,2026-01-02,false\n,,,\nGrace,85,2026-01-03,true\n"
MORE = "name,age,at,ok\nBarbara,28,2026-01-04,true\n"


@pytest.mark.django_db
def test_others_find_in_a_version_what_they_look_for(
    ingested: Callable[..., DatasetVersion],
) -> None:
    ingested(b"age\n1\n")  # the rows that are replaced had other columns
    ingested(CELLS.encode())
    version = ingested(MORE.encode(), mode="append")
    path = lake.dataset_path(version.dataset)
    rows = lake.read_table(version)
    table = DeltaTable(path, version=version.delta_version)
    dataset = table.to_pyarrow_dataset()
    frame = polars.scan_delta(path, version=version.delta_version)
    with duckdb.connect() as connection:
        connection.register("version", dataset)
        for _, condition in conditions_of(rows):
            wanted = rows.filter(condition).num_rows
            assert dataset.to_table(filter=condition).num_rows == wanted, condition
        for name in rows.column_names:
            for value in rows[name].drop_null().to_pylist():
                wanted = rows[name].to_pylist().count(value)
                assert len(frame.filter(polars.col(name) == value).collect()) == wanted
                found = connection.execute(
                    f'SELECT count(*) FROM version WHERE "{name}" = ?', [value]
                )
                assert found.fetchone() == (wanted,)


@pytest.mark.django_db
def test_a_version_that_was_put_together_is_searched_as_before(
    ingested: Callable[..., DatasetVersion],
) -> None:
    for number in range(9):
        version = ingested(f"name\nrow {number}\n".encode(), mode="append" if number else "replace")
    path = lake.dataset_path(version.dataset)
    assert version.delta_version is not None
    made = compact_pinned(path, version.delta_version)
    assert made is not None
    dataset = DeltaTable(path, version=made.delta_version).to_pyarrow_dataset()
    for number in range(9):
        condition = pads.field("name") == f"row {number}"
        assert dataset.to_table(filter=condition).num_rows == 1


@pytest.mark.django_db
def test_a_table_of_long_ago_tells_less_from_its_next_version_on(
    ingested: Callable[..., DatasetVersion],
) -> None:
    first = ingested(b"name,age\nAda,36\n")
    path = lake.dataset_path(first.dataset)
    DeltaTable(path).alter.set_table_properties({"delta.dataSkippingNumIndexedCols": "32"})
    second = ingested(b"name,age\nAlan,41\n", mode="append")
    dataset = DeltaTable(path, version=second.delta_version).to_pyarrow_dataset()
    assert dataset.to_table(filter=pads.field("name") == "Alan").num_rows == 1
    assert dataset.to_table(filter=pads.field("age") == 36).num_rows == 1
    assert lake.read_table(first)["name"].to_pylist() == ["Ada"]
