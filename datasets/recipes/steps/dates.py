"""What a moment says: its hour, its weekday, its month."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn
from datasets.recipes.steps.base import Step
from datasets.recipes.values import Array, Kind, Values

#: So few moments are read one by one: pandas takes longer to begin.
_FEW = 200
#: What Python's own reader and pandas' read in the same way.
_PLAIN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECONDS_A_DAY = 86_400_000_000
PARTS: Mapping[str, Callable[[pd.DatetimeIndex], Any]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: at.quarter,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "weekday": lambda at: at.day_of_week,
    "is_weekend": lambda at: at.day_of_week >= 5,
    "day_of_year": lambda at: at.day_of_year,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "days_since_1970": lambda at: at.as_unit("us").asi8 / _MICROSECONDS_A_DAY,
}
#: The same of one moment.
_PART_OF_ONE: Mapping[str, Callable[[datetime], float]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "weekday": lambda at: at.weekday(),
    "is_weekend": lambda at: at.weekday() >= 5,
    "day_of_year": lambda at: at.timetuple().tm_yday,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "days_since_1970": lambda at: float(_microseconds(at)) / _MICROSECONDS_A_DAY,
}


class DateParts(Step):
    """Take numbers out of moments, in a time zone: ``sold_at`` gives ``sold_at_hour`` and so on.

    Text is read as ISO 8601; without an offset it is UTC. What is no moment is missing, and so is one that lies
    beyond the years 1 to 9999 on the clock of the zone. ``weekday`` counts from
    Monday (0) to Sunday (6); ``days_since_1970`` counts in UTC, with its fraction.
    """

    kind = "date_parts"
    title = "Date parts"
    parameters = (
        Parameter("columns", "columns", "Moments, or text in ISO 8601."),
        Parameter("parts", "choices", "What to take out.", choices=tuple(PARTS)),
        Parameter("time_zone", "time_zone", "Where the clock hangs.", "UTC"),
        Parameter("keep", "boolean", "Whether the column itself stays.", False),
    )
    example: ClassVar[Mapping[str, Any]] = {
        "columns": ["sold_at"],
        "parts": ["month", "weekday", "hour"],
        "time_zone": "Europe/Berlin",
    }

    def __init__(
        self,
        columns: Sequence[str] = (),
        parts: Sequence[str] = (),
        time_zone: str = "UTC",
        keep: bool = False,
    ) -> None:
        self.columns = columns
        self.parts = parts
        self.time_zone = time_zone
        self.keep = keep

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.MOMENT, Kind.TEXT)
        made = {}
        for name, one in zip(self.columns, found, strict=True):
            for part in self.parts:
                before.add_name(f"{name}_{part}", "columns")
                made[f"{name}_{part}"] = PlannedColumn(Kind.NUMBER, one.sources, position)
        return before.changed(made, without=() if self.keep else self.columns)

    def apply(self, values: Values) -> Values:
        made = {}
        zone = ZoneInfo(self.time_zone)
        for name in self.columns:
            column = values.columns[name]
            found = _of_few(column, self.parts, zone) if len(column) <= _FEW else None
            if found is None:
                found = _of_many(column, self.parts, zone)
            made.update({f"{name}_{part}": one for part, one in found.items()})
        return values.with_columns(made, without=() if self.keep else self.columns)


def _of_many(column: Array, parts: Sequence[str], zone: ZoneInfo) -> dict[str, Array]:
    moments = pd.DatetimeIndex(
        pd.to_datetime(pd.Series(column, dtype=object), format="ISO8601", utc=True, errors="coerce")
    )
    moments = pd.DatetimeIndex(moments.where(_are_on_clock(moments, zone)))
    missing = moments.isna()
    local = moments.tz_convert(zone)
    return {
        part: np.where(missing, np.nan, np.asarray(PARTS[part](local)).astype(np.float64))
        for part in parts
    }


def _are_on_clock(moments: pd.DatetimeIndex, zone: ZoneInfo) -> npt.NDArray[np.bool_]:
    """Tell which moments the clock of a zone can show; only on the first and the last day is that a question."""
    micros = moments.as_unit("us").asi8
    first, last = _microseconds(_FIRST), _microseconds(_LAST)
    are = np.asarray(moments.notna()) & (micros >= first) & (micros <= last)
    near = (micros < first + _MICROSECONDS_A_DAY) | (micros > last - _MICROSECONDS_A_DAY)
    for at in np.flatnonzero(are & near):
        are[at] = _on_clock(_EPOCH + timedelta(microseconds=int(micros[at])), zone) is not None
    return are


def _on_clock(at: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        return at.astimezone(zone)
    except OverflowError:
        return None


def _of_few(column: Array, parts: Sequence[str], zone: ZoneInfo) -> dict[str, Array] | None:
    """Return the parts of plainly written moments; None when there is another text among them."""
    moments: list[datetime | None] = []
    for text in column:
        if text and _PLAIN.fullmatch(text) is None:
            return None
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            return None
        if at is not None:
            at = _on_clock(at if at.tzinfo else at.replace(tzinfo=UTC), zone)
        moments.append(at)
    return {
        part: np.array(
            [np.nan if at is None else _PART_OF_ONE[part](at) for at in moments], dtype=np.float64
        )
        for part in parts
    }


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
