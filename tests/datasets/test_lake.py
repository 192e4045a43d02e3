"""Rows in the lake: pinned, ordered, and written once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from datasets import lake
from datasets.errors import LakeBusy, LakeCorrupt, NoRows
from datasets.schema import Column, ColumnType, Schema

SCHEMA = Schema((Column("n", ColumnType.INTEGER), Column("a.b c'\"<", ColumnType.STRING)))


def batches(start: int, stop: int, size: int = 100) -> list[pa.RecordBatch]:
    numbers = pa.array(range(start, stop))
    texts = pa.array([f"t{i}" for i in range(start, stop)])
    table = pa.table([numbers, texts], schema=SCHEMA.to_arrow())
    return list(table.to_batches(max_chunksize=size))


def numbers(path: str, version: int) -> list[int]:
    return list(lake.read_pinned(path, version, SCHEMA)["n"].to_pylist())


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "table")


def write(path: str, transaction: str, rows: list[pa.RecordBatch], **options: int) -> int:
    found = lake.write_version_rows(
        path,
        SCHEMA,
        lambda: rows,
        transaction_id=transaction,
        **options,  # type: ignore[arg-type]
    )
    return found.delta_version


def test_rows_come_back_in_order_and_exactly(path: str) -> None:
    version = write(path, "one", batches(0, 1000))
    read = lake.read_pinned(path, version, SCHEMA)
    assert read.schema == SCHEMA.to_arrow()
    assert read.equals(pa.Table.from_batches(batches(0, 1000)))
    sizes = [b.num_rows for b in lake.iter_pinned(path, version, SCHEMA, batch_rows=64)]
    assert max(sizes) <= 64


def test_the_same_transaction_writes_once(path: str) -> None:
    first = write(path, "one", batches(0, 10))
    write(path, "two", batches(0, 20))
    assert write(path, "one", batches(0, 999)) == first
    assert lake.table_version(path) == 1
    assert len(numbers(path, first)) == 10


def test_an_old_version_stays_readable_after_a_replacement(path: str) -> None:
    first = write(path, "one", batches(0, 10))
    second = write(path, "two", batches(50, 55))
    assert numbers(path, first) == list(range(10))
    assert numbers(path, second) == list(range(50, 55))


def test_appended_rows_follow_those_of_the_parent(path: str) -> None:
    first = write(path, "one", batches(0, 10))
    second = write(path, "two", batches(10, 25), append_to=first)
    assert numbers(path, second) == list(range(25))
    assert lake.pinned_row_count(path, second) == 25


def test_an_append_leaves_out_rows_that_came_after_its_parent(path: str) -> None:
    first = write(path, "one", batches(0, 10))
    write(path, "lost", batches(500, 600), append_to=first)
    third = write(path, "three", batches(10, 12), append_to=first)
    assert numbers(path, third) == list(range(12))


def test_a_failure_while_rows_are_read_leaves_nothing_and_is_passed_on(path: str) -> None:
    write(path, "one", batches(0, 10))

    def broken() -> Iterator[pa.RecordBatch]:
        yield from batches(0, 200)
        raise LakeBusy("half-way")

    with pytest.raises(LakeBusy, match="half-way"):
        lake.write_version_rows(path, SCHEMA, broken, transaction_id="two")
    assert lake.table_version(path) == 0


def test_no_rows_are_refused(path: str) -> None:
    with pytest.raises(NoRows):
        write(path, "one", [])
    assert lake.table_version(path) is None


def test_concurrent_writers_all_get_their_version(path: str) -> None:
    write(path, "first", batches(0, 1))
    with ThreadPoolExecutor(3) as pool:
        versions = list(pool.map(lambda i: write(path, f"w{i}", batches(i, i + 5)), range(3)))
    assert len(set(versions)) == 3
    for i, version in enumerate(versions):
        assert numbers(path, version) == list(range(i, i + 5))


def test_order_survives_compaction(path: str) -> None:
    version = write(path, "one", batches(0, 50))
    for i in range(1, 4):
        version = write(path, f"more{i}", batches(50 * i, 50 * i + 50), append_to=version)
    table = lake.open_table(path)
    assert table is not None
    table.optimize.compact()
    assert numbers(path, int(table.version())) == list(range(200))
    assert numbers(path, version) == list(range(200))


def test_a_version_that_does_not_exist_is_a_named_error(path: str) -> None:
    write(path, "one", batches(0, 1))
    with pytest.raises(LakeCorrupt):
        lake.open_table(path, version=7)
    with pytest.raises(LakeCorrupt):
        lake.read_pinned(path + "-gone", 0, SCHEMA)


def test_partitioned_appends_happen_once_per_transaction(path: str) -> None:
    rows = pa.table({"day": ["2026-01-01", "2026-01-02"], "n": [1, 2]})
    first = lake.append(path, rows, transaction=("segment-a", 1), partition_by=["day"])
    again = lake.append(path, rows, transaction=("segment-a", 1), partition_by=["day"])
    assert again == first
    lake.append(path, rows, transaction=("segment-a", 2))
    found = lake.read_window(path, columns=["n"], partitions=[("day", ">=", "2026-01-02")])
    assert found is not None
    assert found["n"].to_pylist() == [2, 2]
    assert lake.read_window(path + "-none") is None


def test_concurrent_appends_of_one_transaction_add_its_rows_once(path: str) -> None:
    rows = pa.table({"n": [1]})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: lake.append(path, rows, transaction=(f"s{i % 2}", 1)), range(6)))
    found = lake.read_window(path)
    assert found is not None
    assert found.num_rows == 2
