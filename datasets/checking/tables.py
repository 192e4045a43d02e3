"""Pinned rows behind DuckDB: aggregates that stay within a limit of memory, and a few rows as a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from datasets.schema import ColumnType, Schema

#: Counts the rows of a version from 0.
ROW = "__row__"
MOST_SAMPLES = 20
_SHOWN_CHARACTERS = 200
_MEMORY = "600MB"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """Rows that can be asked: their name in SQL, their schema and their number."""

    name: str
    schema: Schema
    row_count: int
    label: str


class Tables:
    """One DuckDB connection for the checks of one version; it reaches no file and no network.

    Parameters
    ----------
    scratch
        A folder for what does not fit into memory.
    """

    def __init__(self, scratch: Path) -> None:
        import duckdb

        self._connection = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": "false",
                "python_enable_replacements": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": _MEMORY,
                "threads": "2",
                "temp_directory": str(scratch / "duckdb"),
                "lock_configuration": "true",
            },
        )
        self._count = 0

    def __enter__(self) -> Tables:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add(self, rows: Any, *, schema: Schema, row_count: int, label: str) -> CheckedTable:
        """Take in rows: an Arrow table or dataset with ``__row__`` and the schema's columns."""
        self._count += 1
        name = f"rows_{self._count}"
        self._connection.register(name, rows)
        return CheckedTable(name, schema, row_count, label)

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query's answer."""
        found: list[tuple[Any, ...]] = self._connection.execute(sql, list(parameters)).fetchall()
        return found

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Return the only row of a query's answer."""
        return self.all(sql, parameters)[0]

    def batches(self, sql: str) -> Any:
        """Return a query's answer as a reader of Arrow batches."""
        return self._connection.sql(sql).to_arrow_reader(65_536)

    def samples(
        self,
        table: CheckedTable,
        columns: Sequence[str],
        condition: str,
        parameters: Sequence[Any] = (),
        *,
        limit: int = MOST_SAMPLES,
    ) -> list[dict[str, Any]]:
        """Return the first rows for which a condition holds: their number (from 1) and some of their values."""
        shown = list(columns)[:_MOST_SHOWN]
        picked = "".join(f", {_readable(table.schema, name)}" for name in shown)
        found = self.all(
            f"SELECT {ROW}{picked} FROM {table.name} WHERE {condition} ORDER BY {ROW} LIMIT {limit}",  # noqa: S608
            parameters,
        )
        return [
            {
                "row": row[0] + 1,
                "values": {
                    name: _shown(value, table.schema.column(name).type)
                    for name, value in zip(shown, row[1:], strict=True)
                },
            }
            for row in found
        ]


_MOST_SHOWN = 30


def quoted(name: str) -> str:
    """Return a column's name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def comparable(schema: Schema, name: str) -> str:
    """Return the SQL for a column's values in a form that needs no time zones: moments as microseconds."""
    if schema.column(name).type is ColumnType.TIMESTAMP:
        return f"epoch_us({quoted(name)})"
    return quoted(name)


def _readable(schema: Schema, name: str) -> str:
    if schema.column(name).type is ColumnType.STRING:
        return f"left({quoted(name)}, {_SHOWN_CHARACTERS})"
    return comparable(schema, name)


def _shown(value: Any, type_: ColumnType) -> Any:
    if value is not None and type_ is ColumnType.TIMESTAMP:
        return moment_text(value)
    return value


def moment_text(micros: int) -> str:
    """Return a moment, given in microseconds since 1970, as ISO 8601."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()


def micros_of(moment: datetime) -> int:
    """Return a moment in microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
