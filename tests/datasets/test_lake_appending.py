"""Tables that grow by small appends: what their files hold, what their log tells, how they are put together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from datasets import lake
from datasets.errors import LakeBusy, LakeCorrupt
from datasets.lake import appending
from datasets.lake.files import write_file

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us", "UTC")),
        ("day", pa.string()),
        ("number", pa.int64()),
        ("share", pa.float64()),
        ("parts", pa.list_(pa.float64())),
        ("text", pa.string()),
    ]
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "table")


def rows_of(numbers: Sequence[int], *, day: str | None = "2026-01-01") -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "id": f"id-{number:05}",
                "at": NOON + timedelta(microseconds=1_001 * number + 1),
                "day": day,
                "number": number if number % 3 else None,
                "share": float("nan") if number % 2 else number / 7,
                "parts": None if number % 5 == 0 else [number / 3, None],
                "text": f"a secret {number} " * 20,
            }
            for number in numbers
        ],
        schema=SCHEMA,
    )


def append(path: str, table: pa.Table, number: int, **options: Any) -> int:
    return lake.append(path, table, transaction=("w", number), partition_by=["day"], **options)


def files_of(path: str) -> list[str]:
    table = lake.open_table(path)
    assert table is not None
    return sorted(unquote(one).removeprefix("file://") for one in table.file_uris())


def actions_of(path: str) -> list[dict[str, Any]]:
    table = lake.open_table(path)
    assert table is not None
    actions: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return sorted(actions, key=lambda one: str(one["partition.day"]))


def all_rows(path: str) -> list[dict[str, Any]]:
    found = lake.read_window(path)
    assert found is not None
    return sorted(found.select(SCHEMA.names).to_pylist(), key=lambda row: str(row["id"]))


def same(found: list[dict[str, Any]], expected: pa.Table) -> bool:
    return repr(found) == repr(expected.to_pylist())  # NaN is not equal to itself


def test_rows_are_read_as_they_were_appended_here_and_by_others(path: str) -> None:
    table = rows_of(range(50))
    append(path, table, 1, row_group_rows=16)
    assert same(all_rows(path), table)
    seen = polars.read_delta(path).sort("id")
    assert seen["number"].to_list() == table["number"].to_pylist()
    assert seen["text"].to_list() == table["text"].to_pylist()
    (file,) = files_of(path)
    metadata = pq.ParquetFile(file).metadata
    assert [metadata.row_group(place).num_rows for place in range(4)] == [16, 16, 16, 2]


def test_each_partition_has_its_file_whatever_its_name(path: str) -> None:
    days = ["2026-01-01", "2026-01-02", "a/b c%20=ü", None]
    table = pa.concat_tables(
        [rows_of([place, 10 + place], day=day) for place, day in enumerate(days)]
    )
    append(path, table, 1)
    append(path, table, 2)
    assert len(files_of(path)) == 8
    lake.compact(path)
    assert len(files_of(path)) == 4
    for place, day in enumerate(days[:3]):
        found = lake.read_window(path, partitions=[("day", "=", day)])
        assert found is not None
        assert sorted(found["id"].to_pylist()) == [
            f"id-{one:05}" for one in (place, place, place + 10, place + 10)
        ]
    found = lake.read_window(path)
    assert found is not None
    assert found["day"].null_count == 4


def test_the_log_bounds_what_a_file_holds_and_tells_no_long_text(path: str) -> None:
    lake.ensure_table(
        path, SCHEMA, partition_by=["day"], configuration=lake.telling(["id", "number", "at"])
    )
    append(path, rows_of(range(1, 5)), 1)
    (action,) = actions_of(path)
    assert (action["num_records"], action["size_bytes"]) == (
        4,
        Path(files_of(path)[0]).stat().st_size,
    )
    assert (action["min.id"], action["max.id"]) == ("id-00001", "id-00004")
    assert (action["min.number"], action["max.number"], action["null_count.number"]) == (1, 4, 1)
    # A moment is rounded away from the others: the log keeps milliseconds.
    assert action["min.at"] == NOON + timedelta(milliseconds=1)
    assert action["max.at"] == NOON + timedelta(milliseconds=5)
    told = "".join(file.read_text() for file in Path(path, "_delta_log").glob("*.json"))
    assert "id-00001" in told
    assert "secret" not in told
    assert "min.share" not in action
    stored = pq.ParquetFile(files_of(path)[0]).metadata.row_group(0)
    by_name = {
        stored.column(place).path_in_schema: stored.column(place).statistics
        for place in range(stored.num_columns)
    }
    assert (by_name["id"].min, by_name["id"].max) == ("id-00001", "id-00004")
    assert by_name["text"] is None


def test_rows_with_other_columns_are_refused_and_leave_no_file(path: str) -> None:
    append(path, rows_of([1]), 1)
    before = list(Path(path).rglob("*.parquet"))
    wrong_type = rows_of([2]).set_column(3, "number", pa.array(["two"]))
    for table in (wrong_type, rows_of([2]).append_column("more", pa.array([1]))):
        with pytest.raises(LakeCorrupt):
            append(path, table, 2)
    assert list(Path(path).rglob("*.parquet")) == before


def test_what_a_failed_commit_was_to_name_is_removed_with_the_old_files(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, rows_of([1]), 1)
    before = list(Path(path).rglob("*.parquet"))

    def fail(*args: object, **options: object) -> None:
        raise CommitFailedError("somebody was first")

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", fail)
        with pytest.raises(LakeBusy):
            append(path, rows_of([2]), 2)
    append(path, rows_of([1]), 1)
    assert len(list(Path(path).rglob("*.parquet"))) == 2
    lake.compact(path, keep_hours=0)
    assert list(Path(path).rglob("*.parquet")) == before


@pytest.fixture
def reports_a_conflict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A storage that carries commits out, and takes its own second attempt for somebody else's."""
    commit = DeltaTable.create_write_transaction

    def both(self: DeltaTable, *args: Any, **options: Any) -> None:
        commit(self, *args, **options)
        raise CommitFailedError("the version exists")

    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", both)
        yield


def test_rows_of_a_commit_that_was_carried_out_after_all_are_there_once(
    path: str, reports_a_conflict: None
) -> None:
    for number in (1, 2):
        append(path, rows_of([number]), number)
    append(path, rows_of([2]), 2)
    assert [row["id"] for row in all_rows(path)] == ["id-00001", "id-00002"]
    lake.compact(path)
    assert sorted(row["id"] for row in all_rows(path)) == ["id-00001", "id-00002"]


def test_small_files_become_one_in_the_order_of_the_appends(path: str) -> None:
    for number in range(5):
        append(path, rows_of([100 - number, number]), number + 1)
    append(path, rows_of([200], day="2026-01-02"), 6)
    expected = all_rows(path)
    lake.compact(path, row_group_rows=4)
    assert repr(all_rows(path)) == repr(expected)
    first, second = files_of(path)
    assert "day=2026-01-01" in first
    content = pq.ParquetFile(first)
    assert content.read()["id"].to_pylist() == [
        f"id-{one:05}" for number in range(5) for one in (100 - number, number)
    ]
    assert [content.metadata.row_group(place).num_rows for place in range(3)] == [4, 4, 2]
    assert pq.ParquetFile(second).metadata.num_rows == 1
    version = lake.table_version(path)
    lake.compact(path)
    assert files_of(path) == [first, second]
    table = lake.open_table(path)
    assert table is not None
    assert [entry["operation"] for entry in table.history()][
        : (lake.table_version(path) or 0) - (version or 0)
    ].count("WRITE") == 0
    # The transactions are known as before.
    append(path, rows_of([7]), 5)
    assert repr(all_rows(path)) == repr(expected)


def test_large_files_stay_and_middle_ones_wait_until_they_are_many(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, rows_of(range(300)), 1)
    size = actions_of(path)[0]["size_bytes"]
    monkeypatch.setattr(appending, "SMALL_BYTES", size // 2)
    monkeypatch.setattr(appending, "LARGE_BYTES", 2 * size)
    monkeypatch.setattr(appending, "MANY_FILES", 4)
    (first,) = files_of(path)
    for number in range(2, 4):
        append(path, rows_of(range(300 * number, 300 * number + 300)), number)
    append(path, rows_of([9000]), 8)
    append(path, rows_of([9001]), 9)
    middle = [one for one in files_of(path) if Path(one).stat().st_size >= size // 2]
    assert len(middle) == 3
    lake.compact(path)
    assert set(middle) < set(files_of(path))
    assert len(files_of(path)) == 4
    append(path, rows_of(range(2000, 2300)), 10)
    expected = all_rows(path)
    lake.compact(path)
    assert first not in files_of(path)
    assert repr(all_rows(path)) == repr(expected)
    large = [one for one in files_of(path) if Path(one).stat().st_size >= size]
    assert len(large) == 2
    left = files_of(path)
    lake.compact(path)
    assert files_of(path) == left


def test_rows_that_somebody_deletes_meanwhile_do_not_come_back(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, rows_of([1, 2]), 1)
    append(path, rows_of([3, 4]), 2)

    def delete_first(*args: Any, **options: Any) -> Any:
        made = write_file(*args, **options)
        lake.delete_rows(path, "id = 'id-00002'")
        return made

    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_file", delete_first)
        lake.compact(path)
    assert [row["id"] for row in all_rows(path)] == ["id-00001", "id-00003", "id-00004"]
    lake.compact(path)
    assert [row["id"] for row in all_rows(path)] == ["id-00001", "id-00003", "id-00004"]
    assert len(files_of(path)) == 1


def test_files_of_long_ago_get_the_columns_that_they_lack(path: str) -> None:
    old = rows_of([1]).drop_columns(["share", "text"])
    append(path, old, 1)
    lake.add_columns(path, SCHEMA)
    append(path, rows_of([2]), 2)
    append(path, old, 3)
    lake.compact(path)
    assert len(files_of(path)) == 1
    assert [row["text"] is None for row in all_rows(path)] == [True, True, False]


def test_whoever_stops_leaves_the_rest_for_later(path: str) -> None:
    for number in range(4):
        append(path, rows_of([number], day=f"2026-01-0{1 + number % 2}"), number + 1)
    asked = iter([False, False, True])
    assert not lake.compact(path, should_stop=lambda: next(asked))
    assert len(files_of(path)) == 3
    lake.compact(path)
    assert len(files_of(path)) == 2


def test_former_files_are_kept_for_those_who_read_them_and_no_longer(path: str) -> None:
    append(path, rows_of([1]), 1)
    append(path, rows_of([2]), 2)
    former = files_of(path)
    lake.compact(path, keep_hours=1)
    assert all(Path(one).exists() for one in former)
    log = Path(path, "_delta_log", "00000000000000000003.json").read_text().splitlines()
    removed = [json.loads(line)["remove"] for line in log if "remove" in line]
    assert len(removed) == 2
    assert not any(one["dataChange"] for one in removed)
    append(path, rows_of([3]), 3)
    lake.compact(path, keep_hours=0)
    assert not any(Path(one).exists() for one in former)
    assert len(all_rows(path)) == 3
