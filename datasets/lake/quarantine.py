"""Rows that were put aside when a version was ingested: one table per dataset, beside its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.tables import append, read_window, table_path

if TYPE_CHECKING:
    from datasets.formats import BadRow
    from datasets.models import Dataset, DatasetVersion

_SCHEMA = pa.schema(
    [
        pa.field("written_by", pa.string()),
        pa.field("position", pa.int64()),
        pa.field("row", pa.int64()),
        pa.field("column", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("raw", pa.string()),
    ]
)
SOURCE_KEY = "quarantine"
"""Where the ``source`` of a version names the write under which its rows were put aside."""


def quarantine_path(dataset: Dataset) -> str:
    """Return the address of the table of a dataset's quarantined rows."""
    return table_path("quarantine", str(dataset.pk))


def put_aside(dataset: Dataset, rows: Sequence[BadRow], *, transaction_id: str) -> None:
    """Write rows to the quarantine of a dataset, once per transaction."""
    table = pa.table(
        [
            [transaction_id] * len(rows),
            list(range(len(rows))),
            [bad.row for bad in rows],
            [bad.column for bad in rows],
            [bad.reason for bad in rows],
            [bad.raw for bad in rows],
        ],
        schema=_SCHEMA,
    )
    append(quarantine_path(dataset), table, transaction=(transaction_id, 1))


def count_put_aside(dataset: Dataset, transaction_id: str) -> int:
    """Return how many rows a write has put aside."""
    where = pc.field("written_by") == transaction_id
    found = read_window(quarantine_path(dataset), columns=["position"], where=where)
    return 0 if found is None else int(found.num_rows)


def quarantined(version: DatasetVersion, *, offset: int, limit: int) -> pa.Table:
    """Return the rows that were put aside for a version, in the order of its file."""
    key = str(version.source.get(SOURCE_KEY, ""))
    position = pc.field("position")
    found = None
    if key:
        found = read_window(
            quarantine_path(version.dataset),
            where=(pc.field("written_by") == key)
            & (position >= offset)
            & (position < offset + limit),
        )
    table = _SCHEMA.empty_table() if found is None else found.sort_by("position")
    return table.select(["row", "column", "reason", "raw"])
