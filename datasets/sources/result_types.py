"""The columns of a query's result as Arrow has them; nothing is rounded on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from datasets.errors import UnsupportedColumnType, ValueOutOfRange
from datasets.schema import check_names

#: PostgreSQL's object ids of types (``SELECT oid, typname FROM pg_type``).
_BY_OID: dict[int, pa.DataType] = {
    16: pa.bool_(),
    **dict.fromkeys((20, 21, 23, 26), pa.int64()),
    **dict.fromkeys((700, 701), pa.float64()),
    1082: pa.date32(),
    **dict.fromkeys((1114, 1184), pa.timestamp("us", "UTC")),
}
_NUMERIC = 1700
_BINARY = 17
_QUERY = "settings.query"
_WHOLE_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Converter:
    """One column: its name, and how its values become an Arrow array."""

    name: str
    arrow: pa.DataType

    def convert(self, values: Iterable[Any]) -> pa.Array:
        """Return the values as an array.

        Raises
        ------
        ValueOutOfRange
            A value cannot be held exactly.
        """
        try:
            return pa.array([self._exact(value) for value in values], self.arrow)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
            raise ValueOutOfRange(
                f"Column {self.name!r} holds a value that does not fit {self.arrow}. "
                "Cast it in the query.",
                field=_QUERY,
            ) from error

    def _exact(self, value: Any) -> Any:
        if value is None:
            return None
        if pa.types.is_floating(self.arrow) and isinstance(value, Decimal):
            number = float(value)
            if not value.is_nan() and Decimal(repr(number)) != value:
                raise ValueError
            return number
        if pa.types.is_integer(self.arrow) and isinstance(value, Decimal):
            return int(value)
        if pa.types.is_string(self.arrow) and not isinstance(value, str):
            return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
        return value


def converters(
    description: Sequence[Any], again: Callable[[], Iterable[Sequence[Any]]]
) -> list[Converter]:
    """Return a converter for each column of a cursor's description.

    Parameters
    ----------
    again
        Gives all rows; called only when the driver does not tell the types.

    Raises
    ------
    UnsupportedColumnType
        A column holds bytes.
    BadHeader, TooManyColumns
        The columns cannot be called so, or there are too many.
    """
    names = [str(column[0]) for column in description]
    check_names(names, field=_QUERY)
    if any(column[1] is None for column in description):
        return _by_values(names, again())
    return [
        Converter(name, _by_oid(name, column))
        for name, column in zip(names, description, strict=True)
    ]


def _by_oid(name: str, column: Any) -> pa.DataType:
    oid = int(column[1])
    if oid == _BINARY:
        raise UnsupportedColumnType(f"Column {name!r} holds bytes.", field=_QUERY)
    if oid == _NUMERIC:
        precision, scale = column[4], column[5]
        is_whole = precision is not None and scale == 0 and precision <= _WHOLE_DIGITS
        return pa.int64() if is_whole else pa.float64()
    return _BY_OID.get(oid, pa.string())


_BY_CLASS: tuple[tuple[type | tuple[type, ...], pa.DataType], ...] = (
    (bool, pa.bool_()),
    (int, pa.int64()),
    ((float, Decimal), pa.float64()),
    (datetime, pa.timestamp("us", "UTC")),
    (date, pa.date32()),
    ((str, UUID), pa.string()),
)


def _by_values(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Converter]:
    found: list[set[type]] = [set() for _ in names]
    for row in rows:
        for classes, value in zip(found, row, strict=True):
            if value is not None:
                classes.add(type(value))
    return [
        Converter(name, _common(name, classes)) for name, classes in zip(names, found, strict=True)
    ]


def _common(name: str, classes: set[type]) -> pa.DataType:
    if bytes in classes:
        raise UnsupportedColumnType(f"Column {name!r} holds bytes.", field=_QUERY)
    kinds = {
        next((arrow for known, arrow in _BY_CLASS if issubclass(one, known)), pa.string())
        for one in classes
    }
    for kind in (pa.bool_(), pa.int64(), pa.float64(), pa.timestamp("us", "UTC"), pa.date32()):
        if kinds == {kind}:
            return kind
    return pa.float64() if kinds == {pa.int64(), pa.float64()} else pa.string()
