"""Values that a filter compares with, brought to the type of their column."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from datasets.schema import Column, ColumnType

Scalar = int | float | bool | str | datetime

MOST_CHARACTERS = 10_000
_LEAST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**63 - 1
_MOST_DIGITS = 28
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def typed_value(column: Column, value: Any) -> Scalar:
    """Return a value of a filter in its column's type; text that spells one will do.

    Raises
    ------
    ValueError
        Saying what would fit.
    """
    match column.type:
        case ColumnType.INTEGER:
            return _integer(value)
        case ColumnType.NUMBER:
            return _number(value)
        case ColumnType.BOOLEAN:
            return _boolean(value)
        case ColumnType.TIMESTAMP:
            return _moment(value)
        case _:
            return _text(value)


def _integer(value: Any) -> int:
    if isinstance(value, str) and len(value) <= 40:
        value = _decimal_or_none(value)
    if isinstance(value, float | Decimal) and math.isfinite(value) and value % 1 == 0:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a whole number is needed")  # noqa: TRY004 (one family of refusals)
    if not _LEAST_INTEGER <= value <= _LARGEST_INTEGER:
        raise ValueError("a whole number of 64 bits is needed")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str):
        value = _float_or_none(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is needed")  # noqa: TRY004 (one family of refusals)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("a finite number is needed")
    return number


def _decimal_or_none(text: str) -> Decimal | None:
    """Return a number with all its digits; None where that would be an enormous one."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.adjusted() < _MOST_DIGITS else None


def _float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise ValueError("true or false is needed")


def _moment(value: Any) -> datetime:
    wanted = "a date or moment such as 2026-01-31 or 2026-01-31T12:00:00Z is needed"
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 (one family of refusals)
    return moment(value, wanted)


def moment(text: str, complaint: str = "a date or moment in ISO 8601 is needed") -> datetime:
    """Return the moment that ISO 8601 text names; without a zone it is UTC.

    Raises
    ------
    ValueError
        With the complaint as its text.
    """
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(complaint) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text is needed")  # noqa: TRY004 (one family of refusals)
    if len(value) > MOST_CHARACTERS:
        raise ValueError(f"at most {MOST_CHARACTERS:,} characters are allowed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is not valid Unicode") from None
    return value
