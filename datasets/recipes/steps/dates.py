"""What a moment says: its hour, its weekday, its month."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn
from datasets.recipes.steps.base import Step
from datasets.recipes.values import Kind, Values

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
    "days_since_1970": lambda at: at.as_unit("us").asi8 / 86_400_000_000,
}


class DateParts(Step):
    """Take numbers out of moments, in a time zone: ``sold_at`` gives ``sold_at_hour`` and so on.

    Text is read as ISO 8601; without an offset it is UTC. What is no moment is missing. ``weekday`` counts from
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
            moments = pd.DatetimeIndex(
                pd.to_datetime(
                    pd.Series(values.columns[name], dtype=object),
                    format="ISO8601",
                    utc=True,
                    errors="coerce",
                )
            )
            missing = moments.isna()
            local = moments.tz_convert(zone)
            for part in self.parts:
                found = np.asarray(PARTS[part](local)).astype(np.float64)
                made[f"{name}_{part}"] = np.where(missing, np.nan, found)
        return values.with_columns(made, without=() if self.keep else self.columns)
