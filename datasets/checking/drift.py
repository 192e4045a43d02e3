"""Has a version another distribution than the one before? Counted in SQL, compared as monitoring compares.

The bins are those of the version before: one for each value of a column with few of them (or for its 50 most
frequent ones, and one for the rest), else nine inner edges at the deciles; and one for nulls. A column drifts only
when the Jensen-Shannon distance (base 2) reaches its floor *and* the Benjamini-Hochberg q-value of the two-sample
chi-square test passes the level (:mod:`datasets.checking.comparison`).

A column that became a number from a whole number (or the other way round) is compared by value, one that changed its
type otherwise as text, as in the comparison of versions: a column that has lost all its values is text, too.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datasets.checking.comparison import BinnedComparison, Counts, compare_counts, q_values
from datasets.checking.tables import CheckedTable, Tables, comparable, quoted
from datasets.schema import ColumnType, Schema

#: A numeric column with at most this many distinct values gets one bin for each.
MOST_DISCRETE = 20
#: So many of the most frequent values get a bin of their own; the rest share one.
MOST_CATEGORIES = 50
_DECILES = [q / 10 for q in range(1, 10)]
_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})
_RANGED = _NUMBERS | {ColumnType.TIMESTAMP}


@dataclass(frozen=True, slots=True)
class DriftThresholds:
    """When a difference counts; see :class:`monitoring.drift.Thresholds` for the same of traffic."""

    level: float = 0.01
    effect_floor: float = 0.1
    min_rows: int = 50


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """What was measured of a column, and what it comes to."""

    column: str
    distance: float | None
    p_value: float | None
    q_value: float | None
    verdict: Literal["drift", "no_drift", "not_enough_data"]


def compare_tables(
    tables: Tables,
    before: CheckedTable,
    now: CheckedTable,
    columns: Sequence[str],
    thresholds: DriftThresholds,
) -> list[ColumnDrift]:
    """Compare the columns of two versions; one that is not in both is not judged."""
    enough = min(before.row_count, now.row_count) >= thresholds.min_rows
    measured: list[BinnedComparison | None] = [
        _measure(tables, before, now, name) if enough and name in before.schema else None
        for name in columns
    ]
    corrected = q_values([None if one is None else one.p_value for one in measured])
    return [
        ColumnDrift(
            name,
            None if one is None else one.effect_size,
            None if one is None else one.p_value,
            q_value,
            _decide(one, q_value, thresholds),
        )
        for name, one, q_value in zip(columns, measured, corrected, strict=True)
    ]


def _decide(
    one: BinnedComparison | None, q_value: float | None, thresholds: DriftThresholds
) -> Literal["drift", "no_drift", "not_enough_data"]:
    if one is None:
        return "not_enough_data"
    if q_value is None:  # all rows of both versions lie in one bin
        return "no_drift" if one.effect_size == 0 else "not_enough_data"
    is_sure = q_value <= thresholds.level
    return "drift" if is_sure and one.effect_size >= thresholds.effect_floor else "no_drift"


def _measure(
    tables: Tables, before: CheckedTable, now: CheckedTable, name: str
) -> BinnedComparison:
    types = {table.schema.column(name).type for table in (before, now)}
    sides = [_Side(table, _value(table.schema, name, types)) for table in (before, now)]
    if types <= _RANGED and (len(types) == 1 or types == _NUMBERS):
        distinct = tables.one(
            f"SELECT count(*) FROM (SELECT DISTINCT {sides[0].value} FROM {before.name} "  # noqa: S608
            f"WHERE {quoted(name)} IS NOT NULL LIMIT {MOST_DISCRETE + 1})"
        )[0]
        if distinct > MOST_DISCRETE:
            return compare_counts(*_by_deciles(tables, sides))
    return compare_counts(*_by_value(tables, sides))


@dataclass(frozen=True, slots=True)
class _Side:
    """A version, and the SQL for the values of the column that is compared."""

    table: CheckedTable
    value: str


def _value(schema: Schema, name: str, types: Set[ColumnType]) -> str:
    value = comparable(schema, name)
    if len(types) == 1:
        return value
    return f"CAST({value} AS {'DOUBLE' if types == _NUMBERS else 'VARCHAR'})"


def _by_deciles(tables: Tables, sides: Sequence[_Side]) -> tuple[Counts, Counts]:
    before, now = sides
    found = tables.one(
        f"SELECT quantile_cont({before.value}::DOUBLE, {_DECILES}) FROM {before.table.name}"  # noqa: S608
    )[0]
    edges = sorted(set(found))
    return _binned(tables, before, edges), _binned(tables, now, edges)


def _binned(tables: Tables, side: _Side, edges: Sequence[float]) -> Counts:
    cases = " ".join(f"WHEN {side.value} <= ? THEN {at}" for at in range(len(edges)))
    sql = f"CASE WHEN {side.value} IS NULL THEN {len(edges) + 1} {cases} ELSE {len(edges)} END"
    return _counts(tables, side.table, sql, edges, len(edges) + 2)


def _counts(
    tables: Tables, table: CheckedTable, sql: str, edges: Sequence[float], width: int
) -> Counts:
    counts = np.zeros(width, dtype=np.int64)
    for at, count in tables.all(
        f"SELECT {sql} AS bin, count(*) FROM {table.name} GROUP BY bin",  # noqa: S608
        edges,
    ):
        counts[at] = count
    return counts


def _by_value(tables: Tables, sides: Sequence[_Side]) -> tuple[Counts, Counts]:
    """Count both versions into the most frequent values of the one before, the rest, and nulls."""
    before = sides[0]
    frequent = tables.all(
        f"SELECT {before.value}, count(*) AS n FROM {before.table.name} "  # noqa: S608
        f"WHERE {before.value} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {MOST_CATEGORIES}"
    )
    places = {row[0]: at for at, row in enumerate(frequent)}
    width = len(places) + 2
    found = []
    for side in sides:
        table, value = side.table, side.value
        counts = np.zeros(width, dtype=np.int64)
        known = (
            tables.all(
                f"SELECT {value}, count(*) FROM {table.name} "  # noqa: S608
                f"WHERE {value} IN (SELECT unnest(?)) GROUP BY 1",
                [list(places)],
            )
            if places
            else []
        )
        for one, count in known:
            counts[places[one]] = count
        nulls = table.row_count - tables.one(f"SELECT count({value}) FROM {table.name}")[0]  # noqa: S608
        counts[-1] = nulls
        counts[-2] = table.row_count - nulls - counts[: len(places)].sum()
        found.append(counts)
    return found[0], found[1]
