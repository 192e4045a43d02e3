"""Stretches of a version: cut where row groups end, read without their neighbours, in order whatever happened."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import pyarrow as pa
import pytest

from datasets import lake
from datasets.errors import ColumnNotFound
from datasets.execution.recording import create_ready_version
from datasets.execution.writing import write_version
from datasets.lake import parts
from datasets.models import Dataset, DatasetVersion
from datasets.services import create_dataset

ROWS = 1_000
Store = Callable[..., DatasetVersion]


@pytest.fixture
def store(principal: Any, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a function that writes numbered rows in row groups of some size, 300 rows a file."""
    monkeypatch.setattr(parts, "FILE_BYTES", 300 * 16)

    def make(group_rows: int = 50) -> DatasetVersion:
        monkeypatch.setattr(parts, "ROW_GROUP_ROWS", group_rows)
        table = pa.table({"n": range(ROWS), "word": [f"w{n}" for n in range(ROWS)]})
        dataset = create_dataset(principal=principal, name=f"in groups of {group_rows}")
        written = write_version(
            dataset=dataset,
            table_or_batches=table.to_batches(max_chunksize=group_rows),
            transaction_id="one",
        )
        return create_ready_version(
            principal=principal,
            dataset=dataset,
            written=written,
            parent=None,
            source={"kind": "test"},
            job_id=None,
        )

    return make


def read(rows: lake.Stretches, at_least: int, batch_rows: int = 20) -> list[list[int]]:
    found = []
    for first_row, count in rows.cut(at_least):
        batches = list(rows.batches(first_row, count, batch_rows=batch_rows))
        assert max(batch.num_rows for batch in batches) <= batch_rows
        found.append([n for batch in batches for n in batch["n"].to_pylist()])
    return found


@pytest.mark.parametrize(
    ("at_least", "expected"),
    [(50, [50] * 20), (1, [50] * 20), (120, [150] * 6 + [100]), (10_000, [1000])],
)
def test_stretches_end_with_row_groups_and_cover_all_rows(
    store: Store, at_least: int, expected: list[int]
) -> None:
    found = read(lake.Stretches(store(), ["word", "n"]), at_least)
    assert [len(one) for one in found] == expected
    assert list(chain(*found)) == list(range(ROWS))


def test_columns_come_in_the_order_that_is_asked_for(store: Store) -> None:
    rows = lake.Stretches(store(), ["word", "n"])
    batch = next(rows.batches(100, 50, batch_rows=3))
    assert batch.to_pydict() == {"word": ["w100", "w101", "w102"], "n": [100, 101, 102]}
    with pytest.raises(ColumnNotFound):
        lake.Stretches(store(60), ["nothing"])


def test_a_large_row_group_is_one_stretch_in_small_batches(store: Store) -> None:
    (found,) = read(lake.Stretches(store(1_000), ["n"]), 100, batch_rows=7)
    assert found == list(range(ROWS))


def test_rows_that_somebody_else_mixed_up_come_in_their_order_all_the_same(store: Store) -> None:
    version = store()
    _shuffle(version.dataset, version)
    found = read(lake.Stretches(version, ["n"]), 300)
    assert [len(one) for one in found] == [300, 300, 300, 100]
    assert list(chain(*found)) == list(range(ROWS))


def test_rows_that_are_mixed_up_within_a_row_group_come_in_their_order(store: Store) -> None:
    version = store()
    _shuffle(version.dataset, version, within=True)
    assert read(lake.Stretches(version, ["n"]), 300) == [list(range(ROWS))]


def _shuffle(dataset: Dataset, version: DatasetVersion, *, within: bool = False) -> None:
    """Write the rows anew, as an engine that knows nothing of their order would."""
    from deltalake import write_deltalake

    table = lake.open_table(lake.dataset_path(dataset))
    assert table is not None
    rows = table.to_pyarrow_dataset().to_table()
    rows = rows.sort_by([("n" if within else "word", "descending")])
    half = ROWS if within else ROWS // 2
    write_deltalake(table, rows.slice(0, half), mode="overwrite")
    if not within:
        write_deltalake(table, rows.slice(half), mode="append")
    latest = lake.table_version(lake.dataset_path(dataset))
    version.delta_version = latest
    version.save(update_fields=["delta_version"])
