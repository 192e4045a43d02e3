"""The same of whole Arrow arrays as :mod:`datasets.schema.coercion` says of one value."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from datasets.errors import SchemaMismatch, ValueOutOfRange
from datasets.schema import text
from datasets.schema.coercion import LARGEST_EXACT, LEAST_INTEGER
from datasets.schema.columns import ColumnType
from datasets.schema.conversion import MOST_EXAMPLES, require_finite


def logical_type(type_: pa.DataType) -> ColumnType | None:
    """Return the type that Arrow data of a type has here; None when a dataset cannot hold it."""
    if pt.is_dictionary(type_):
        return logical_type(type_.value_type)
    if pt.is_boolean(type_):
        return ColumnType.BOOLEAN
    if pt.is_integer(type_):
        return ColumnType.INTEGER
    if pt.is_decimal(type_):
        if type_.scale == 0 and type_.precision <= 18:
            return ColumnType.INTEGER
        # A double carries fifteen decimal digits for certain; of more, the text is kept.
        return ColumnType.NUMBER if type_.precision <= 15 else ColumnType.STRING
    if pt.is_floating(type_):
        return ColumnType.NUMBER
    if pt.is_string(type_) or pt.is_large_string(type_) or pt.is_string_view(type_):
        return ColumnType.STRING
    if pt.is_null(type_):
        return ColumnType.STRING
    if pt.is_date(type_) or pt.is_timestamp(type_):
        return ColumnType.TIMESTAMP
    return None


def coerce_array(array: pa.Array, type_: ColumnType, *, name: str, first_row: int = 1) -> pa.Array:
    """Return Arrow data of any origin with exactly the Arrow type of ``type_``; ``NaN`` becomes null.

    Parameters
    ----------
    name, first_row
        The column, and the number of the array's first row, for messages.

    Raises
    ------
    SchemaMismatch
        The type cannot be made from these values.
    ValueOutOfRange
        An integer beyond 64 signed bits, or that a double cannot carry, or a moment outside the years 1 to 9999.
    NotFinite
        An infinity.
    """
    if pt.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pt.is_null(array.type):
        return array.cast(type_.arrow)
    found = logical_type(array.type)
    if found is type_:
        return _same(array, type_, name, first_row)
    match (found, type_):
        case (ColumnType.INTEGER, ColumnType.NUMBER):
            return _exact_doubles(_same(array, ColumnType.INTEGER, name, first_row), name)
        case (ColumnType.NUMBER, ColumnType.INTEGER):
            return _whole_numbers(_floats(array, name, first_row), name, first_row)
        case (ColumnType.STRING, ColumnType.TIMESTAMP):
            return _spelled_moments(array, name, first_row)
    if pt.is_decimal(array.type) and type_ is ColumnType.NUMBER:
        return _carried_decimals(array, name, first_row)
    raise SchemaMismatch(
        f"Column {name!r} is {type_.value}, but the rows have {array.type} there.",
        field="file",
        column=name,
    )


def _same(array: pa.Array, type_: ColumnType, name: str, first_row: int) -> pa.Array:
    match type_:
        case ColumnType.NUMBER:
            return _floats(array, name, first_row)
        case ColumnType.TIMESTAMP:
            return _moments(array, name)
        case ColumnType.INTEGER:
            try:
                return array.cast(pa.int64())
            except pa.ArrowInvalid as error:
                raise ValueOutOfRange(
                    f"Column {name!r} holds integers beyond 64 signed bits. "
                    "Save it as text to keep them.",
                    field="file",
                ) from error
        case _:
            return array.cast(type_.arrow)


def _floats(array: pa.Array, name: str, first_row: int) -> pa.Array:
    numbers = array.cast(pa.float64())
    require_finite(numbers, name=name, first_row=first_row)
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


def _exact_doubles(array: pa.Array, name: str) -> pa.Array:
    numbers = array.cast(pa.float64(), safe=False)
    beyond = pc.fill_null(pc.greater_equal(pc.abs(numbers), float(LARGEST_EXACT)), False)
    if any(int(float(value)) != value for value in array.filter(beyond).to_pylist()):
        raise ValueOutOfRange(
            f"Column {name!r} holds integers that a double cannot carry exactly.", field="file"
        )
    return numbers


def _carried_decimals(array: pa.Array, name: str, first_row: int) -> pa.Array:
    written = array.cast(pa.string())
    fits = pa.array([None if one is None else text.carries(one) for one in written.to_pylist()])
    _require(fits, written, "a number that a double carries exactly", name, first_row)
    return _floats(array, name, first_row)


def _whole_numbers(numbers: pa.Array, name: str, first_row: int) -> pa.Array:
    whole = pc.and_(
        pc.equal(numbers, pc.trunc(numbers)),
        pc.and_(pc.greater_equal(numbers, float(LEAST_INTEGER)), pc.less(numbers, float(2**63))),
    )
    _require(whole, numbers, "a whole number of 64 bits", name, first_row)
    # Arrow's own check stops at 2^53, though every double up to 2^63 that is whole is an integer.
    return numbers.cast(pa.int64(), safe=False)


def _spelled_moments(array: pa.Array, name: str, first_row: int) -> pa.Array:
    cells = array.cast(pa.string())
    fits = pa.nulls(len(cells), pa.bool_())
    present = pc.is_valid(cells)
    fits = pc.replace_with_mask(fits, present, text.is_timestamp(cells.drop_null()))
    _require(fits, cells, "a time as ISO 8601", name, first_row)
    return text.parse_timestamps(cells)


def _require(fits: pa.Array, values: pa.Array, wanted: str, name: str, first_row: int) -> None:
    wrong = pc.indices_nonzero(pc.fill_null(pc.invert(fits), False)).to_pylist()
    if not wrong:
        return
    rows = [first_row + at for at in wrong[:MOST_EXAMPLES]]
    example = str(values[wrong[0]].as_py())[:60]
    raise SchemaMismatch(
        f"Column {name!r} holds {len(wrong)} value(s) that are not {wanted}, for example "
        f"{example!r} in row {rows[0]}.",
        field="file",
        column=name,
        rows=rows,
    )


def _moments(array: pa.Array, name: str) -> pa.Array:
    try:
        if pt.is_date(array.type):
            array = array.cast(
                pa.timestamp("ms") if pt.is_date64(array.type) else pa.timestamp("s")
            )
        # Nanoseconds are cut to microseconds, the finest that Delta Lake stores.
        micros = array.cast(pa.timestamp("us", tz=array.type.tz), safe=array.type.unit != "ns")
    except pa.ArrowInvalid as error:
        raise ValueOutOfRange(
            f"Column {name!r} holds a moment out of range.", field="file"
        ) from error
    bounds = pc.min_max(micros.cast(pa.int64()))
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is not None and (low < text.FIRST_MOMENT_US or high > text.LAST_MOMENT_US):
        raise ValueOutOfRange(
            f"Column {name!r} holds a moment outside the years 1 to 9999.", field="file"
        )
    if array.type.tz is None:
        return pc.assume_timezone(micros, "UTC")
    return micros.cast(pa.timestamp("us", tz="UTC"))
