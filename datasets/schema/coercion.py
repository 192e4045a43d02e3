"""What a value of a logical type may be made from: the one place that says so.

Ingest, training and serving ask here. A value that a dataset takes in is a value that a model built on it
answers, and the other way round:

=========  ==============================================================================
integer    a whole number that 64 signed bits hold; ``3.0`` is one. Never a truth value, never text
number     a finite number; an integer when a double carries it exactly
boolean    a truth value, never 0 or 1
string     text, exactly as it is
timestamp  a moment between the years 1 and 9999, or its ISO 8601 spelling; without an offset it is in UTC
=========  ==============================================================================

:func:`coerce` is the definition, for one value; :func:`datasets.schema.arrays.coerce_array` says the same of a
whole Arrow array. How a *format* spells values (the cells of a CSV file, NaN for null in Parquet) is settled
before a value comes here: cells by :mod:`datasets.schema.text`, whose rules read a cell as a type only when
nothing is lost. Whether null may be there, and which values are within the limits, is a matter of the column
(:class:`datasets.schema.Column`) and the same for all three as well.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from datasets.schema.columns import ColumnType

#: Below this (2^53) doubles and integers name the same whole numbers.
LARGEST_EXACT = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_INTEGER, _MOST_INTEGER = -(2**63), 2**63 - 1

Value = bool | int | float | str | datetime


class NotAValue(ValueError):
    """A value that the type cannot be made from; the text says what is wrong with it."""


def coerce(value: object, type_: ColumnType) -> Value:
    """Return a value as the type has it.

    Raises
    ------
    NotAValue
        It cannot be one. Null is none either: ask the column first.

    Examples
    --------
    >>> coerce(3, ColumnType.NUMBER), coerce(3.0, ColumnType.INTEGER)
    (3.0, 3)
    >>> coerce(True, ColumnType.INTEGER)
    Traceback (most recent call last):
    datasets.schema.coercion.NotAValue: a number was expected, not a truth value
    """
    match type_:
        case ColumnType.INTEGER:
            return _integer(value)
        case ColumnType.NUMBER:
            return _number(value)
        case ColumnType.BOOLEAN:
            if isinstance(value, bool):
                return value
            raise NotAValue(f"true or false was expected, not {_kind(value)}")
        case ColumnType.STRING:
            if isinstance(value, str):
                return value
            raise NotAValue(f"text was expected, not {_kind(value)}")
        case ColumnType.TIMESTAMP:
            return _moment(value)


def _integer(value: object) -> int:
    number = _any_number(value)
    if isinstance(number, float):
        if number % 1:
            raise NotAValue("a whole number was expected")
        number = int(number)
    if not LEAST_INTEGER <= number <= _MOST_INTEGER:
        raise NotAValue("the number is too large")
    return number


def _number(value: object) -> float:
    number = _any_number(value)
    try:
        double = float(number)
    except OverflowError:
        raise NotAValue("the number is too large") from None
    if double != number:
        raise NotAValue("a double cannot carry this integer exactly")
    return double


def _any_number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAValue(f"a number was expected, not {_kind(value)}")
    if isinstance(value, float) and math.isnan(value):
        raise NotAValue("send null, not NaN")
    if isinstance(value, float) and math.isinf(value):
        raise NotAValue("the number is too large")
    return value


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if not isinstance(value, str):
        raise NotAValue(f"a time was expected, not {_kind(value)}")
    import pyarrow as pa

    from datasets.schema import text

    try:
        cells = pa.array([value], pa.string())
    except (pa.ArrowException, UnicodeError):
        raise NotAValue("a time as ISO 8601 was expected") from None
    if not text.is_timestamp(cells)[0].as_py():
        raise NotAValue("a time as ISO 8601 was expected")
    micros = text.parse_timestamps(cells).cast(pa.int64())[0].as_py()
    return _EPOCH + timedelta(microseconds=micros)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "a truth value"
    names: dict[type, str] = {
        str: "text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
