"""Moments on the wire: text in ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime

#: A date, or a date and a time of day, with or without an offset.
_SHAPE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_LONGEST = 32


def is_moment(text: str) -> bool:
    """Whether a text says a moment that exists.

    Examples
    --------
    >>> is_moment("2026-01-31T08:30:00Z"), is_moment("2026-02-30"), is_moment("tomorrow")
    (True, False, False)
    """
    if len(text) > _LONGEST or _SHAPE.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
