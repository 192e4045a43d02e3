"""Turning cells of text into typed values, and saying which rows cannot be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import FieldError
from datasets.errors import NotFinite, SchemaMismatch
from datasets.schema import text
from datasets.schema.columns import ColumnType
from datasets.schema.quick import quick_read

MOST_EXAMPLES = 10
_FITS: Mapping[ColumnType, Callable[[pa.Array], pa.Array]] = {
    ColumnType.BOOLEAN: text.is_boolean,
    ColumnType.INTEGER: text.is_integer,
    ColumnType.TIMESTAMP: text.is_timestamp,
}


def typed_array(
    cells: pa.Array,
    type_: ColumnType,
    *,
    name: str,
    first_row: int,
    decimal_comma: bool = False,
) -> pa.Array:
    """Read cells of text as values of a type.

    Parameters
    ----------
    cells
        Arrow string array; null is the empty cell.
    type_
        What to read them as. Text is kept exactly as it is; for every other type white space
        around the value is dropped and cells such as ``NA`` or ``null`` become null.
    name, first_row
        The column, and the number of the first row (the header is row 1), for messages.
    decimal_comma
        Numbers are written ``3,14``.

    Raises
    ------
    NotFinite
        A number is infinite or beyond the range of a double.
    SchemaMismatch
        A cell cannot be read as the type (only possible when the type was not inferred from these
        cells).
    """
    if type_ is ColumnType.STRING:
        return cells
    found = quick_read(cells, (type_, decimal_comma))
    if found is not None:
        return found.values
    values = text.trimmed(cells)
    values = pc.if_else(text.is_missing(values), pa.scalar(None, pa.string()), values)
    if type_ is ColumnType.NUMBER:
        return _numbers(values, name=name, first_row=first_row, decimal_comma=decimal_comma)
    misfits = pc.invert(_FITS[type_](values.drop_null()))
    if pc.any(misfits).as_py():
        raise _mismatch(values, misfits, type_, name=name, first_row=first_row)
    if type_ is ColumnType.BOOLEAN:
        return pc.equal(pc.utf8_lower(values), "true")
    if type_ is ColumnType.TIMESTAMP:
        return text.parse_timestamps(values)
    return values.cast(pa.int64())


def _numbers(values: pa.Array, *, name: str, first_row: int, decimal_comma: bool) -> pa.Array:
    present = values.drop_null()
    fits = pc.or_(text.is_number(present, decimal_comma=decimal_comma), text.is_infinite(present))
    misfits = pc.invert(fits)
    if pc.any(misfits).as_py():
        raise _mismatch(values, misfits, ColumnType.NUMBER, name=name, first_row=first_row)
    if decimal_comma:
        values = pc.replace_substring(values, ",", ".")
    # The parser of Arrow knows no plus sign before an infinity.
    numbers = pc.utf8_ltrim(values, characters="+").cast(pa.float64())
    require_finite(numbers, name=name, first_row=first_row)
    return numbers


def require_finite(numbers: pa.Array, *, name: str, first_row: int) -> None:
    """Refuse a float array in which anything is infinite.

    Raises
    ------
    NotFinite
        With the column and the numbers of the first ten such rows.
    """
    infinite = pc.fill_null(pc.is_inf(numbers), False)
    count = pc.sum(infinite).as_py() or 0
    if count:
        rows = [first_row + i for i in pc.indices_nonzero(infinite).to_pylist()[:MOST_EXAMPLES]]
        raise NotFinite(
            f"Column {name!r} holds {count} value(s) that are infinite or beyond the range of a "
            f"double (rows {_listed(rows, count)}). Leave such cells empty.",
            field="file",
            column=name,
            rows=rows,
        )


def unreadable(
    cells: pa.Array, type_: ColumnType, *, decimal_comma: bool = False
) -> list[tuple[int, str]]:
    """Return the positions of the cells that :func:`typed_array` would refuse, each with the reason."""
    if type_ is ColumnType.STRING:
        return []
    values = text.trimmed(cells)
    values = pc.if_else(text.is_missing(values), pa.scalar(None, pa.string()), values)
    filled = pc.fill_null(values, "")
    if type_ is ColumnType.NUMBER:
        numeric = text.is_number(filled, decimal_comma=decimal_comma)
        infinite = pc.or_(text.is_infinite(filled), pc.and_(numeric, _is_beyond(filled, numeric)))
        fits = pc.and_(numeric, pc.invert(infinite))
    else:
        fits, infinite = _FITS[type_](filled), pa.array([False] * len(cells))
    found = []
    for at in pc.indices_nonzero(pc.and_(pc.is_valid(values), pc.invert(fits))).to_pylist():
        cell = values[at].as_py()[:60]
        what = "is infinite or beyond the range of a double" if infinite[at].as_py() else ""
        found.append((at, f"{cell!r} {what or f'is no {type_.value}'}"))
    return found


def _is_beyond(values: pa.Array, numeric: pa.Array) -> pa.Array:
    numbers = pc.if_else(numeric, pc.replace_substring(values, ",", "."), "0")
    return pc.is_inf(numbers.cast(pa.float64()))


def _mismatch(
    values: pa.Array, misfits: pa.Array, type_: ColumnType, *, name: str, first_row: int
) -> SchemaMismatch:
    positions = pc.indices_nonzero(pc.is_valid(values)).filter(misfits).to_pylist()
    examples = [(first_row + at, values[at].as_py()) for at in positions[:MOST_EXAMPLES]]
    return SchemaMismatch(
        f"Column {name!r} is {type_.value}, but {len(positions)} cell(s) cannot be read as that, "
        f"for example {examples[0][1][:60]!r} in row {examples[0][0]}.",
        errors=[
            FieldError("file", f"row {row}, column {name!r}: {cell[:60]!r} is no {type_.value}")
            for row, cell in examples
        ],
        column=name,
        rows=[row for row, _ in examples],
    )


def _listed(rows: list[int], count: int) -> str:
    return ", ".join(str(row) for row in rows) + (", …" if count > len(rows) else "")
