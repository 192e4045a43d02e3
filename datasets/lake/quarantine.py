"""Rows that were put aside when a version was ingested: one table per dataset, beside its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.appending import append
from datasets.lake.erasing import purge, replace_rows
from datasets.lake.tables import read_window, table_path

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
_ERASED = "[erased]"
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


def redact_put_aside(dataset: Dataset, names: Callable[[str], bool]) -> int:
    """Replace the texts of rows in the quarantine that name somebody; return how many rows that were.

    The rows keep their numbers. What the table was before is gone afterwards, also from its files.

    Parameters
    ----------
    names
        Told the text of a row, or of the reason why it could not be read.
    """
    path = quarantine_path(dataset)
    found = read_window(path)
    if found is None:
        return 0
    rows = found.select(_SCHEMA.names)
    texts = [rows[name].to_pylist() for name in ("reason", "raw")]
    named = [any(text and names(text) for text in pair) for pair in zip(*texts, strict=True)]
    if any(named):
        for name in ("reason", "raw"):
            at = rows.schema.get_field_index(name)
            kept = pc.if_else(pa.array(named), pa.scalar(_ERASED), rows[name])
            rows = rows.set_column(at, _SCHEMA.field(name), kept)
        replace_rows(path, rows)
    # A second attempt may find the rows replaced, and their former files still there.
    purge(path)
    return sum(named)


def count_naming(dataset: Dataset, names: Callable[[str], bool]) -> int:
    """Return how many rows in the quarantine of a dataset name somebody."""
    found = read_window(quarantine_path(dataset), columns=["reason", "raw"])
    if found is None:
        return 0
    pairs = zip(found["reason"].to_pylist(), found["raw"].to_pylist(), strict=True)
    return sum(any(text and names(text) for text in pair) for pair in pairs)
