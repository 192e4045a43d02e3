"""When a policy retrains on its own: a crontab line or an interval."""

from retraining.schedule.parsing import (
    PERIODS,
    Crontab,
    Interval,
    Schedule,
    UnreadableScheduleError,
    parse_crontab,
    parse_schedule,
)

__all__ = [
    "PERIODS",
    "Crontab",
    "Interval",
    "Schedule",
    "UnreadableScheduleError",
    "parse_crontab",
    "parse_schedule",
]
