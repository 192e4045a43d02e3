"""A page of the rows that pass filters, in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings

from datasets.engine.quoting import identifier
from datasets.engine.tables import connect, interrupted_after
from datasets.errors import LakeCorrupt, RowQueryTooSlow
from datasets.exploration.sources import engine_limits, source_of
from datasets.lake import ROW_COLUMN
from datasets.models import DatasetVersion
from datasets.previews import preview_rows, shown_values
from datasets.querying import RowQuery
from datasets.querying.filters import where
from datasets.querying.ordering import order_by
from datasets.schema import Schema

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TABLE = "version_rows"


@dataclass(frozen=True, slots=True)
class RowPage:
    """A stretch of rows.

    Attributes
    ----------
    matching
        How many rows of the version pass the filters.
    rows
        Values in the order of ``columns``.
    """

    offset: int
    matching: int
    columns: list[str]
    rows: list[list[Any]] = field(repr=False)


def page_rows(version: DatasetVersion, query: RowQuery, *, offset: int, limit: int) -> RowPage:
    """Return at most ``limit`` of the rows that pass the filters, from the one at ``offset`` on.

    The engine first finds the numbers of the rows, from the columns that filters and order name alone, and
    then fetches those rows: a page of a wide version of ten million rows reads a few columns.

    Raises
    ------
    VersionNotReady
        The version has no rows (yet).
    RowQueryTooSlow
        It took longer, or needed more memory, than ``settings.ROWS_SECONDS`` and
        ``settings.ROWS_MEMORY_BYTES`` allow.
    """
    if query.is_plain:
        found = preview_rows(version, offset=offset, limit=limit)
        chosen = [found.columns.index(name) for name in query.columns]
        rows = [[row[i] for i in chosen] for row in found.rows]
        return RowPage(offset, version.row_count or 0, list(query.columns), rows)
    import duckdb

    source = source_of(version, with_row_number=True)
    try:
        with engine_limits() as limits, connect(limits) as connection:
            source.attach(connection, _TABLE)
            with interrupted_after(connection, settings.ROWS_SECONDS):
                matching, numbers = _numbers(connection, version, query, offset, limit)
                rows = _rows(connection, query.columns, numbers)
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise RowQueryTooSlow(
            "Filtering and sorting took too long. Use fewer columns to sort by, or a smaller offset."
        ) from None
    except duckdb.IOException as error:
        raise LakeCorrupt("The stored rows cannot be read.") from error
    return RowPage(offset, matching, list(query.columns), rows)


def rows_by_number(
    version: DatasetVersion, numbers: Sequence[int], columns: Sequence[str] | None = None
) -> dict[int, list[Any]]:
    """Return rows by their number, as values to be shown; numbers that are gone are left out."""
    source = source_of(version, with_row_number=True)
    names = columns or Schema.from_dict(version.schema).names
    with engine_limits() as limits, connect(limits) as connection:
        source.attach(connection, _TABLE)
        return _fetch(connection, names, numbers)


def _numbers(
    connection: DuckDBPyConnection,
    version: DatasetVersion,
    query: RowQuery,
    offset: int,
    limit: int,
) -> tuple[int, list[int]]:
    condition, parameters = where(query.filters)
    matching = version.row_count or 0
    if query.filters:
        count = f"SELECT count(*) FROM {_TABLE}{condition}"  # noqa: S608 (quoted names, parameters)
        answer = connection.execute(count, parameters).fetchone()
        assert answer is not None
        matching = int(answer[0])
    if offset >= matching:
        return matching, []
    order = order_by(query.order, ROW_COLUMN)
    found = connection.execute(
        f"SELECT {ROW_COLUMN} FROM {_TABLE}{condition}{order} LIMIT {limit:d} OFFSET {offset:d}",  # noqa: S608
        parameters,
    ).fetchall()
    return matching, [int(row[0]) for row in found]


def _rows(
    connection: DuckDBPyConnection, columns: Sequence[str], numbers: Sequence[int]
) -> list[list[Any]]:
    found = _fetch(connection, columns, numbers)
    return [found[number] for number in numbers]


def _fetch(
    connection: DuckDBPyConnection, columns: Sequence[str], numbers: Sequence[int]
) -> dict[int, list[Any]]:
    if not numbers:
        return {}
    wanted = ", ".join(str(int(number)) for number in numbers)
    listed = ", ".join(identifier(name) for name in (ROW_COLUMN, *columns))
    # The range lets the engine skip files and row groups; it costs nothing when the rows lie apart.
    table = connection.sql(
        f"SELECT {listed} FROM {_TABLE} WHERE {ROW_COLUMN} BETWEEN {min(numbers)} AND {max(numbers)} "  # noqa: S608
        f"AND {ROW_COLUMN} IN ({wanted})"
    ).to_arrow_table()
    lists = [shown_values(column) for column in table.columns[1:]]
    rows = zip(*lists, strict=True) if lists else iter([[]] * table.num_rows)
    return dict(zip(table[ROW_COLUMN].to_pylist(), (list(row) for row in rows), strict=True))
