"""Whether each value can be read as the type that it should have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasets.checking.evaluation.outcomes import Outcome, Subject, with_context
from datasets.checking.evaluation.values import judged_by_fraction
from datasets.checking.kinds import CheckSpec
from datasets.checking.tables import MOST_SAMPLES, ROW, CheckedTable, Tables, quoted
from datasets.schema import ColumnType
from datasets.schema import text as cell_text

_READINGS: Mapping[ColumnType, Callable[[pa.Array], pa.Array]] = {
    ColumnType.BOOLEAN: cell_text.is_boolean,
    ColumnType.INTEGER: cell_text.is_integer,
    ColumnType.NUMBER: cell_text.is_number,
    ColumnType.TIMESTAMP: cell_text.is_timestamp,
}


def column_type(spec: CheckSpec, columns: Sequence[str], subject: Subject) -> Outcome:
    """Count the values that cannot be read as the type."""
    wanted = ColumnType(spec.parameters["type"])
    rows, tables = subject.rows, subject.tables
    misfits: dict[str, int] = {}
    places: dict[str, list[int]] = {}
    shares: dict[str, float] = {}
    checked = 0
    for name in columns:
        found = rows.schema.column(name).type
        widened = found is ColumnType.INTEGER and wanted is ColumnType.NUMBER
        present = tables.one(f"SELECT count({quoted(name)}) FROM {rows.name}")[0]  # noqa: S608
        bad = 0
        where: list[int] = []
        if found is ColumnType.STRING and wanted is not ColumnType.STRING:
            bad, where = _unreadable(tables, rows, name, wanted)
        elif found is not wanted and not widened:
            bad = present
            where = [
                row[0]
                for row in tables.all(
                    f"SELECT {ROW} FROM {rows.name} WHERE {quoted(name)} IS NOT NULL "  # noqa: S608
                    f"ORDER BY {ROW} LIMIT {MOST_SAMPLES}"
                )
            ]
        misfits[name], places[name], shares[name] = bad, where, bad / max(1, present)
        checked += present

    def sample(bad_columns: Sequence[str]) -> list[dict[str, Any]]:
        where = sorted({row for name in bad_columns for row in places[name]})[:MOST_SAMPLES]
        return tables.samples(
            rows, with_context(bad_columns, rows), f"{ROW} IN ({', '.join(map(str, where))})"
        )

    return judged_by_fraction(
        spec, misfits, checked, {"failed_fraction": shares}, f"no {wanted.value}", sample
    )


def _unreadable(
    tables: Tables, rows: CheckedTable, name: str, wanted: ColumnType
) -> tuple[int, list[int]]:
    """Count the cells of text that cannot be read as a type, by the rules of ingest; and find the first ones."""
    count = 0
    first: list[int] = []
    reader = tables.batches(
        f"SELECT {ROW}, {quoted(name)} FROM {rows.name} WHERE {quoted(name)} IS NOT NULL "  # noqa: S608
        f"ORDER BY {ROW}"
    )
    for batch in reader:
        cells = cell_text.trimmed(batch.column(1).cast(pa.string()))
        wrong = pc.invert(_READINGS[wanted](cells))
        count += pc.sum(wrong).as_py() or 0
        if len(first) < MOST_SAMPLES:
            first.extend(batch.column(0).filter(wrong).to_pylist()[: MOST_SAMPLES - len(first)])
    return count, first
