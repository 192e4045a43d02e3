"""Saying a schedule in words."""

from __future__ import annotations

from jobs.schedule.parsing import Crontab, Schedule

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIELDS = 5
_MINUTES_OF_AN_HOUR = 60


def in_words(schedule: Schedule) -> str:
    """Return what a schedule says; a crontab line of which that would be long is returned as it is.

    >>> from jobs.schedule import parse_crontab
    >>> in_words(parse_crontab("0 3 * * *", timezone="UTC"))
    'daily at 03:00 UTC'
    >>> in_words(parse_crontab("30 6 * * 1", timezone="Europe/Rome"))
    'Mondays at 06:30 Europe/Rome'
    >>> in_words(parse_crontab("*/15 * * * *", timezone="UTC"))
    'every 15 minutes'
    >>> in_words(parse_crontab("*/45 * * * *", timezone="UTC"))  # at minutes 0 and 45
    '*/45 * * * * (UTC)'
    >>> in_words(parse_crontab("5 * * * *", timezone="UTC"))
    'hourly at minute 5'
    >>> in_words(parse_crontab("0 3 1 * *", timezone="UTC"))
    'monthly on day 1 at 03:00 UTC'
    >>> in_words(parse_crontab("0 3 1-7 * 1", timezone="UTC"))
    '0 3 1-7 * 1 (UTC)'
    """
    parts = schedule.expression.split() if isinstance(schedule, Crontab) else []
    if len(parts) != _FIELDS or not isinstance(schedule, Crontab):
        return str(schedule)
    minute, hour, day, month, weekday = parts
    if month != "*":
        return str(schedule)
    if (hour, day, weekday) == ("*", "*", "*"):
        step = minute.removeprefix("*/")
        if step != minute and step.isdigit() and _MINUTES_OF_AN_HOUR % int(step) == 0:
            return f"every {minute[2:]} minutes"
        return f"hourly at minute {minute}" if minute.isdigit() else str(schedule)
    if not (minute.isdigit() and hour.isdigit()):
        return str(schedule)
    at = f"at {int(hour):02}:{int(minute):02} {schedule.timezone}"
    match day, weekday:
        case "*", "*":
            return f"daily {at}"
        case "*", "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7":
            return f"{_DAYS[int(weekday)]}s {at}"
        case _, "*" if day.isdigit():
            return f"monthly on day {day} {at}"
        case _:
            return str(schedule)
