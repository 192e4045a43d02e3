"""A stretch of rows of a version, as values to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datasets import lake
from datasets.models import DatasetVersion

SHOWN_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows from ``offset`` on; each row has its values in the order of ``columns``."""

    offset: int
    columns: list[str]
    rows: list[list[Any]]


def preview_rows(version: DatasetVersion, *, offset: int, limit: int) -> Preview:
    """Return at most ``limit`` rows; text is cut after 1,000 characters, times are ISO 8601.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    """
    table = lake.preview(version, offset=offset, limit=limit)
    return Preview(offset, list(table.schema.names), shown_rows(table))


def shown_rows(table: pa.Table | pa.RecordBatch) -> list[list[Any]]:
    """Return rows as values that can be shown."""
    columns = [shown_values(column) for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def shown_values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return a column as values to be shown: text cut after 1,000 characters, times in ISO 8601."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_timestamp(column.type):
        return [None if value is None else value.isoformat() for value in values]
    if pa.types.is_string(column.type):
        return [_cut(value) for value in values]
    return values


def _cut(value: str | None) -> str | None:
    if value is None or len(value) <= SHOWN_CHARACTERS:
        return value
    return value[: SHOWN_CHARACTERS - 1] + "…"
