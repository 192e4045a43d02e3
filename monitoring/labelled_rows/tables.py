"""Labelled rows as Arrow tables that fit the champion's training data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from datasets.schema import ColumnType, coerce


class UnusableRowsError(ValueError):
    """Labels or features cannot be brought to the types of the training data."""


def labelled_table(
    rows: pd.DataFrame, *, schema: pa.Schema, features: Sequence[str], target: str
) -> pa.Table:
    """Return labelled rows as features and target, in the types of the training data.

    Whole numbers that meet fractions become ``double``, as in any merge of the two.

    Parameters
    ----------
    rows
        Columns ``label`` and ``features``: a dictionary in each row, so that a feature may have any
        name, also ``label`` or ``prediction_id``.
    schema
        That of the champion's dataset version.

    Raises
    ------
    UnusableRowsError
        A column of the training data is missing, or a value does not fit its type.
    """
    names = [*features, target]
    absent = [name for name in names if name not in schema.names]
    if absent:
        raise UnusableRowsError(f"The training data has no column '{absent[0]}'.")
    arrays = [
        _column(_values(rows, None if name == target else name), schema.field(name).type, name)
        for name in names
    ]
    return pa.Table.from_arrays(arrays, names=names)


def extended_table(base: pa.Table, extra: pa.Table) -> pa.Table:
    """Return the training data with further rows below it, in the training data's column order.

    Columns that only the training data has are null in the further rows.

    Raises
    ------
    UnusableRowsError
        The types of a column cannot be merged.
    """
    plain = pa.table({name: _plain(base.column(name)) for name in base.column_names})
    try:
        return pa.concat_tables([plain, extra], promote_options="permissive").combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UnusableRowsError(f"The labelled rows do not fit: {error}") from error


def _values(rows: pd.DataFrame, feature: str | None) -> list[Any]:
    """Return a feature of all rows, null where a row does not have it; their labels for None.

    A list, because a series with a null among whole numbers holds doubles.
    """
    if feature is None:
        return list(rows["label"].tolist())
    return [one.get(feature) for one in rows["features"]]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a dictionary-encoded column as its values; any other as it is."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _column(values: Sequence[Any], kind: pa.DataType, name: str) -> pa.Array:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    try:
        if pa.types.is_boolean(kind):
            return pa.array([_boolean(value) for value in values], type=pa.bool_())
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return _numbers(values, whole=pa.types.is_integer(kind))
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pa.array([None if _is_missing(v) else str(v) for v in values], type=kind)
        if pa.types.is_timestamp(kind):
            moments = pd.to_datetime(pd.Series(values), format="ISO8601", utc=True)
            return pa.array(moments, from_pandas=True).cast(kind)
        return pa.array(list(values), type=kind, from_pandas=True)
    except (ValueError, TypeError, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UnusableRowsError(f"A value of '{name}' is no {kind}: {error}") from error


def _numbers(values: Sequence[Any], *, whole: bool) -> pa.Array:
    """Return numbers as whole ones where all are, else as doubles; none is rounded."""
    given = [None if _is_missing(value) else _number(value) for value in values]
    if whole and all(value is None or value % 1 == 0 for value in given):
        type_, kind = ColumnType.INTEGER, pa.int64()
    else:
        type_, kind = ColumnType.NUMBER, pa.float64()
    return pa.array([None if value is None else coerce(value, type_) for value in given], kind)


def _number(value: Any) -> Any:
    """Return a number, also one that a client of an earlier model sent as text."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _boolean(value: object) -> bool | None:
    if _is_missing(value):
        return None
    if value in (True, False):
        return bool(value)
    raise ValueError(f"{value!r} is neither true nor false")
