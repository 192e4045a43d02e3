"""Values of a result as JSON can carry them: finite, and no digit lost."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from pyarrow import MonthDayNano

MOST_CHARACTERS = 10_000
_LARGEST = 2**63


def json_value(value: Any) -> Any:
    """Return a value of a result for JSON.

    Whole numbers stay numbers up to 64 bits and become text beyond; decimals are text; what is not
    finite is the text ``NaN``, ``Infinity`` or ``-Infinity``; moments and intervals are ISO 8601; bytes are base64;
    text is cut after 10,000 characters.
    """
    match value:
        case None | bool():
            return value
        case int():
            return value if -_LARGEST <= value < _LARGEST else str(value)
        case float():
            return value if math.isfinite(value) else _name(value)
        case str():
            return value if len(value) <= MOST_CHARACTERS else value[: MOST_CHARACTERS - 1] + "…"
        case Mapping():
            return {str(key): json_value(item) for key, item in value.items()}
        case bytes():
            return base64.b64encode(value[: MOST_CHARACTERS // 2]).decode()
        case MonthDayNano():
            return _interval(value)
        case Sequence():
            return [json_value(item) for item in value[:MOST_CHARACTERS]]
        case _:
            return _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return json_value(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)[:MOST_CHARACTERS]


def _interval(value: MonthDayNano) -> str:
    """Return months, days and seconds as an ISO 8601 duration, e.g. ``P0M1DT0S``; each has its own sign."""
    seconds = Decimal(value.nanoseconds).scaleb(-9).normalize()
    return f"P{value.months}M{value.days}DT{seconds:f}S"


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
