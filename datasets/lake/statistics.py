"""What the log of a Delta table tells of each file: how many rows, and the bounds of a few columns.

A column is told of in all files of a table or in none, and a property of the table says of which: where the log has
bounds for a column in some files only, widely used readers take those that are missing for bounds that no value meets,
and leave rows out. Few columns are told of: the values in the log outlive their rows in the files, and within a file
the bounds of its row groups rule out more than those of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_COLUMNS_KEY = "delta.dataSkippingStatsColumns"
_COUNT_KEY = "delta.dataSkippingNumIndexedCols"
_LONGEST = 64
"""Characters of a text that are told; the rest is rounded away from the rows."""
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_MILLISECOND = timedelta(milliseconds=1)


def telling(columns: Sequence[str]) -> dict[str, str]:
    """Return the properties of a table whose log tells of these columns, which must be numbers, moments or texts."""
    return {_COLUMNS_KEY: ",".join(columns)} if columns else {_COUNT_KEY: "0"}


def telling_first() -> dict[str, str]:
    """Return the properties of a table whose log tells of the first column, whatever the others are."""
    return {_COUNT_KEY: "1"}


def told_columns(properties: Mapping[str, str | None]) -> list[str]:
    """Return the columns that the log of a table tells of by name; none where the table does not say so."""
    return [name for name in (properties.get(_COLUMNS_KEY) or "").split(",") if name]


def statistics_of(metadata: pq.FileMetaData, columns: Sequence[str]) -> str:
    """Return what the log tells of a finished file, as JSON.

    Parameters
    ----------
    metadata
        Of the file: it knows the bounds of its row groups.
    columns
        Of which to tell. Where one of them has values without bounds, only the count of rows is told.
    """
    places = {metadata.schema.column(at).path: at for at in range(metadata.num_columns)}
    told: dict[str, Any] = {"numRecords": metadata.num_rows}
    nulls: dict[str, int] = {}
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    for name in columns:
        parts = [
            metadata.row_group(number).column(places[name]).statistics
            for number in range(metadata.num_row_groups)
        ]
        if any(part is None or not part.has_null_count for part in parts):
            return json.dumps(told)
        bounds = [part for part in parts if part.has_min_max]
        if len(bounds) + sum(part.num_values == 0 for part in parts) < len(parts):
            return json.dumps(told)
        nulls[name] = sum(part.null_count for part in parts)
        if bounds:
            low[name] = _below(min(part.min for part in bounds))
            high[name] = _above(max(part.max for part in bounds))
    told |= {"minValues": low, "maxValues": high, "nullCount": nulls}
    # The engine reads a character of two escapes as something else.
    return json.dumps(told, ensure_ascii=False, allow_nan=False)


def _below(bound: Any) -> Any:
    """Return a value as readers of the log take it, not greater: moments have milliseconds there."""
    if isinstance(bound, str):
        return bound[:_LONGEST]
    if isinstance(bound, datetime):
        return _as_text(bound - timedelta(microseconds=bound.microsecond % 1000))
    return bound


def _above(bound: Any) -> Any:
    """Return a value as readers of the log take it, not smaller."""
    if isinstance(bound, str):
        return bound if len(bound) <= _LONGEST else _next_text(bound[:_LONGEST])
    if isinstance(bound, datetime):
        return _as_text(bound + timedelta(microseconds=-bound.microsecond % 1000))
    return bound


def _as_text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _next_text(beginning: str) -> str:
    """Return a text that is greater than all that begin like this; readers compare by code points."""
    kept = beginning.rstrip(chr(_LAST_CHARACTER))
    if not kept:
        return beginning + chr(_LAST_CHARACTER)
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)
