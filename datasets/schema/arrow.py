"""Bringing Arrow data of any origin into the five types of a dataset."""

from __future__ import annotations

import pyarrow as pa

from datasets.errors import SchemaMismatch, UnsupportedColumnType
from datasets.schema.arrays import coerce_array, logical_type
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.names import check_names


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
        type_ = logical_type(field.type)
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
        arrays.append(
            coerce_array(by_name[column.name], column.type, name=column.name, first_row=first_row)
        )
    return pa.RecordBatch.from_arrays(arrays, schema=schema.to_arrow())
