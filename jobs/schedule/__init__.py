"""When something is done on its own: a crontab line or an interval."""

from jobs.schedule.parsing import (
    PERIODS,
    Crontab,
    Interval,
    Schedule,
    UnreadableScheduleError,
    parse_crontab,
    parse_schedule,
)
from jobs.schedule.words import in_words

__all__ = [
    "PERIODS",
    "Crontab",
    "Interval",
    "Schedule",
    "UnreadableScheduleError",
    "in_words",
    "parse_crontab",
    "parse_schedule",
]
