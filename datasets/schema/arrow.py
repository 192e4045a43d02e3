"""Bringing Arrow data of any origin into the five types of a dataset."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from datasets.errors import SchemaMismatch, UnsupportedColumnType, ValueOutOfRange
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.conversion import require_finite
from datasets.schema.names import check_names
from datasets.schema.text import FIRST_MOMENT_US, LAST_MOMENT_US


def schema_from_arrow(schema: pa.Schema) -> Schema:
    """Return the schema that data of an Arrow schema has here.

    Integers of every width (and decimals without places, to 18 digits) are integers; floats and
    other decimals are numbers; dates and timestamps are moments in UTC; text, dictionaries of text
    and columns of nothing but nulls are strings.

    Raises
    ------
    UnsupportedColumnType
        Naming the columns of other types (lists, structs, binary, durations, times of day,
        extension types).
    BadHeader, TooManyColumns
        As :func:`datasets.schema.names.check_names` says.
    """
    names = check_names(schema.names)
    columns: list[Column] = []
    refused: list[str] = []
    for name, field in zip(names, schema, strict=True):
        type_ = _logical(field.type)
        if type_ is None:
            refused.append(f"{name!r} ({str(field.type)[:60]})")
            continue
        role = Role.TIMESTAMP if type_ is ColumnType.TIMESTAMP else Role.FEATURE
        columns.append(Column(name, type_, role=role))
    if refused:
        more = f" and {len(refused) - 10} more" if len(refused) > 10 else ""
        raise UnsupportedColumnType(
            "These columns have types that a dataset cannot hold: "
            f"{', '.join(refused[:10])}{more}. "
            "Integers, numbers, booleans, text, dates and timestamps can be held.",
            field="file",
        )
    return Schema(tuple(columns))


def _logical(type_: pa.DataType) -> ColumnType | None:
    if pt.is_dictionary(type_):
        return _logical(type_.value_type)
    if pt.is_boolean(type_):
        return ColumnType.BOOLEAN
    if pt.is_integer(type_):
        return ColumnType.INTEGER
    if pt.is_decimal(type_):
        return (
            ColumnType.INTEGER if type_.scale == 0 and type_.precision <= 18 else ColumnType.NUMBER
        )
    if pt.is_floating(type_):
        return ColumnType.NUMBER
    if pt.is_string(type_) or pt.is_large_string(type_) or pt.is_string_view(type_):
        return ColumnType.STRING
    if pt.is_null(type_):
        return ColumnType.STRING
    if pt.is_date(type_) or pt.is_timestamp(type_):
        return ColumnType.TIMESTAMP
    return None


def normalise_batch(batch: pa.RecordBatch, schema: Schema, *, first_row: int = 1) -> pa.RecordBatch:
    """Return the batch with exactly the Arrow types of ``schema``; ``NaN`` becomes null.

    Columns are found by name, in any order.

    Raises
    ------
    SchemaMismatch
        A column is missing, or its values cannot be held by the schema's type.
    ValueOutOfRange
        An unsigned integer beyond 64 signed bits, or a moment outside the years 1 to 9999.
    NotFinite
        An infinity.
    """
    names = check_names(batch.schema.names)
    by_name = {name: batch.column(i) for i, name in enumerate(names)}
    arrays = []
    for column in schema:
        if column.name not in by_name:
            raise SchemaMismatch(f"Column {column.name!r} is missing.", field="file")
        arrays.append(_normalise(by_name[column.name], column, first_row=first_row))
    return pa.RecordBatch.from_arrays(arrays, schema=schema.to_arrow())


def _normalise(array: pa.Array, column: Column, *, first_row: int) -> pa.Array:
    if pt.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pt.is_null(array.type):
        return array.cast(column.type.arrow)
    found = _logical(array.type)
    widened = found is ColumnType.INTEGER and column.type is ColumnType.NUMBER
    if found is not column.type and not widened:
        raise SchemaMismatch(
            f"Column {column.name!r} is {column.type.value}, but the rows have {array.type} there.",
            field="file",
        )
    match column.type:
        case ColumnType.NUMBER:
            return _floats(array, column.name, first_row)
        case ColumnType.TIMESTAMP:
            return _moments(array, column.name)
        case ColumnType.INTEGER:
            try:
                return array.cast(pa.int64())
            except pa.ArrowInvalid as error:
                raise ValueOutOfRange(
                    f"Column {column.name!r} holds integers beyond 64 signed bits. "
                    "Save it as text to keep them.",
                    field="file",
                ) from error
        case _:
            return array.cast(column.type.arrow)


def _floats(array: pa.Array, name: str, first_row: int) -> pa.Array:
    try:
        numbers = array.cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise ValueOutOfRange(
            f"Column {name!r} holds integers that a double cannot carry exactly.", field="file"
        ) from error
    require_finite(numbers, name=name, first_row=first_row)
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)


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
    if low is not None and (low < FIRST_MOMENT_US or high > LAST_MOMENT_US):
        raise ValueOutOfRange(
            f"Column {name!r} holds a moment outside the years 1 to 9999.", field="file"
        )
    if array.type.tz is None:
        return pc.assume_timezone(micros, "UTC")
    return micros.cast(pa.timestamp("us", tz="UTC"))
