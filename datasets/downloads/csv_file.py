"""CSV (RFC 4180, UTF-8) that spreadsheets open as text, not as formulas.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and skips a tab, line
feed or carriage return before it. Such a *text* cell (and such a column name) gets an apostrophe in front, as
OWASP's page on CSV injection advises; numbers stay numbers. Nulls are empty, empty text is ``""``, moments
are ISO 8601 in UTC, and numbers are the shortest text that reads back as the same number. Where cells are left as they
are, a column of doubles that are all whole has them as ``1.0``, so that it is read back as one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n")
_PATTERN = r"\A[=+\-@\t\r\n]"


def neutralised(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_LEADS) else text


def csv_chunks(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, neutralise: bool = True
) -> Iterator[bytes]:
    """Yield the file piece by piece, one for the header and one for each batch."""
    names = [neutralised(name) if neutralise else name for name in schema.names]
    yield _line(names)
    for batch in batches:
        if batch.num_rows:
            yield _written(batch, names, neutralise)


def csv_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, neutralise: bool = True
) -> bytes:
    """Return a small table of JSON values as CSV."""
    lines = [_line([neutralised(name) if neutralise else name for name in columns])]
    lines += [_line([_cell(value, neutralise) for value in row]) for row in rows]
    return b"".join(lines)


def _cell(value: Any, neutralise: bool) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | float):
        return value
    return neutralised(str(value)) if neutralise else str(value)


def _line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _written(batch: pa.RecordBatch, names: Sequence[str], neutralise: bool) -> bytes:
    import pyarrow as pa
    import pyarrow.csv

    columns = [_column(column, neutralise) for column in batch.columns]
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(
        pa.RecordBatch.from_arrays(columns, names=list(names)),
        sink,
        pyarrow.csv.WriteOptions(include_header=False),
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _column(column: pa.Array, neutralise: bool) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    if pt.is_floating(column.type) and not neutralise:
        return _as_doubles(column)
    if not (pt.is_string(column.type) or pt.is_large_string(column.type)) or not neutralise:
        return column
    risky = pc.match_substring_regex(column, _PATTERN)
    quoted = pc.binary_join_element_wise(pa.scalar("'", column.type), column, "")
    return pc.if_else(risky, quoted, column)


def _as_doubles(column: pa.Array) -> pa.Array:
    """Return numbers such that their text tells that they are doubles: one that is not whole tells it of all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.all(pc.equal(column, pc.floor(column)), min_count=0).as_py():
        return column
    texts = column.cast(pa.string())
    marked = pc.binary_join_element_wise(texts, ".0", "")
    return pc.if_else(pc.match_substring(texts, "e"), texts, marked)
