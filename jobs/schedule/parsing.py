"""Reading a schedule, so that what cannot be one is refused before it is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal
from zoneinfo import available_timezones

Period = Literal["minutes", "hours", "days"]
PERIODS: tuple[Period, ...] = ("minutes", "hours", "days")

#: Name, smallest and largest value of each field of a crontab line, in its order.
_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day_of_month", 1, 31),
    ("month_of_year", 1, 12),
    ("day_of_week", 0, 6),
)
_PART = re.compile(r"(?:\*|(?P<first>\d{1,2})(?:-(?P<last>\d{1,2}))?)(?:/(?P<step>\d{1,2}))?")


class UnreadableScheduleError(ValueError):
    """The text or mapping is no schedule; the message says why."""


@dataclass(frozen=True, slots=True)
class Crontab:
    """A crontab line (five fields; numbers, ``*``, lists, ranges and steps) in a time zone."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    timezone: str = "UTC"

    @property
    def expression(self) -> str:
        """The five fields, as they stand in a crontab."""
        return " ".join(getattr(self, name) for name, _, _ in _FIELDS)

    def __str__(self) -> str:
        return f"{self.expression} ({self.timezone})"

    def to_dict(self) -> dict[str, Any]:
        """Return the spelling that :func:`parse_schedule` reads."""
        return {"crontab": self.expression, "timezone": self.timezone}


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many minutes, hours or days."""

    every: int
    period: Period

    def __str__(self) -> str:
        return f"every {self.every} {self.period}"

    def to_dict(self) -> dict[str, Any]:
        """Return the spelling that :func:`parse_schedule` reads."""
        return asdict(self)


Schedule = Crontab | Interval


def parse_schedule(value: Mapping[str, Any]) -> Schedule:
    """Read ``{"crontab": "0 3 * * *", "timezone"?: "UTC"}`` or ``{"every": 6, "period": "hours"}``.

    Raises
    ------
    UnreadableScheduleError
        It is neither of the two, or holds something else besides.

    Examples
    --------
    >>> parse_schedule({"every": 6, "period": "hours"})
    Interval(every=6, period='hours')
    >>> parse_schedule({"crontab": "0 3 * * 1"}).expression
    '0 3 * * 1'
    """
    keys = set(value)
    if "crontab" in keys and keys <= {"crontab", "timezone"}:
        return parse_crontab(str(value["crontab"]), timezone=str(value.get("timezone", "UTC")))
    if keys == {"every", "period"}:
        return _parse_interval(value["every"], value["period"])
    raise UnreadableScheduleError(
        'A schedule is {"crontab": "0 3 * * *"} or {"every": 6, "period": "hours"}.'
    )


def parse_crontab(expression: str, *, timezone: str = "UTC") -> Crontab:
    """Read the five fields of a crontab line.

    Raises
    ------
    UnreadableScheduleError
        There are not five fields, one of them is out of its range, or the time zone is unknown.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise UnreadableScheduleError(
            f"A crontab line has five fields (minute hour day month weekday), not {len(fields)}."
        )
    if timezone not in available_timezones():
        raise UnreadableScheduleError(f"'{timezone}' is not a known time zone.")
    for text, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        _check_field(text, name=name, lowest=lowest, highest=highest)
    minute, hour, day_of_month, month_of_year, day_of_week = fields
    return Crontab(minute, hour, day_of_month, month_of_year, day_of_week, timezone)


def _check_field(text: str, *, name: str, lowest: int, highest: int) -> None:
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise UnreadableScheduleError(f"'{part}' is no {name.replace('_', ' ')}.")
        first, last, step = (match[key] for key in ("first", "last", "step"))
        if step is not None and first is not None and last is None:
            raise UnreadableScheduleError(
                f"'{part}' has a step but no range; write {first}-{highest}/{step}."
            )
        low = lowest if first is None else int(first)
        high = low if last is None else int(last)
        if not lowest <= low <= highest or not low <= high <= highest or step in ("0", "00"):
            raise UnreadableScheduleError(
                f"'{part}' is out of the range {lowest}-{highest} of a {name.replace('_', ' ')}."
            )


def _parse_interval(every: object, period: object) -> Interval:
    known = next((known for known in PERIODS if known == period), None)
    if known is None:
        raise UnreadableScheduleError(f"The period is one of {', '.join(PERIODS)}.")
    if isinstance(every, bool) or not isinstance(every, int) or not 1 <= every <= 10_000:
        raise UnreadableScheduleError("An interval is a whole number between 1 and 10000.")
    return Interval(every=every, period=known)
