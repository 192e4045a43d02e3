"""Schedules as rows of django-celery-beat: what rooms keep beside the thing that is to be done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs.schedule import PERIODS, Crontab, Interval, Schedule


class Scheduled(Protocol):
    """A row beside which a schedule may be kept."""

    schedule: Any

    def save(self, *, update_fields: list[str]) -> None:
        """Write some of its fields."""


def schedule_of(row: PeriodicTask | None) -> Schedule | None:
    """Return what a schedule row says; None without one, or where it is of another sort.

    A person may edit the row in the admin to what only Celery understands (solar times, seconds).
    """
    if row is None:
        return None
    if row.crontab is not None:
        cron = row.crontab
        return Crontab(
            minute=cron.minute,
            hour=cron.hour,
            day_of_month=cron.day_of_month,
            month_of_year=cron.month_of_year,
            day_of_week=cron.day_of_week,
            timezone=str(cron.timezone),
        )
    if row.interval is not None:
        period = next((known for known in PERIODS if known == row.interval.period), None)
        if period is not None:
            return Interval(every=row.interval.every, period=period)
    return None


def store_schedule(
    row: PeriodicTask | None,
    schedule: Schedule,
    *,
    name: str,
    task: str,
    arguments: Sequence[Any],
    queue: str,
    enabled: bool,
    description: str,
) -> PeriodicTask:
    """Let a row say what ``schedule`` says, and return it; a new one when there is none.

    Parameters
    ----------
    name
        Of a new row; unique over all of them.
    task
        Name of the Celery task that beat sends.
    """
    values: dict[str, Any] = {
        "task": task,
        "args": json.dumps(list(arguments)),
        "queue": queue,
        "enabled": enabled,
        "description": description,
        "crontab": None,
        "interval": None,
        "solar": None,
        "clocked": None,
        "one_off": False,
        **_timing(schedule),
    }
    if row is None:
        return PeriodicTask.objects.create(name=name, **values)
    for attribute, value in values.items():
        setattr(row, attribute, value)
    row.save()
    return row


def keep_schedule(owner: Scheduled, schedule: Schedule | None, **particulars: Any) -> None:
    """Let the schedule row of an owner say what ``schedule`` says; without one, the row goes.

    Parameters
    ----------
    owner
        A row with a nullable ``schedule``; it is saved where that changes.
    particulars
        As :func:`store_schedule` takes them.
    """
    row = owner.schedule
    if schedule is not None:
        stored = store_schedule(row, schedule, **particulars)
        if row is None:
            owner.schedule = stored
            owner.save(update_fields=["schedule"])
    elif row is not None:
        owner.schedule = None
        owner.save(update_fields=["schedule"])
        row.delete()


def wake_schedule(row: PeriodicTask | None, *, enabled: bool) -> None:
    """Let a row rest, or wake it."""
    if row is not None and row.enabled != enabled:
        row.enabled = enabled
        row.save()


def _timing(schedule: Schedule) -> dict[str, Any]:
    match schedule:
        case Crontab():
            crontab, _ = CrontabSchedule.objects.get_or_create(
                minute=schedule.minute,
                hour=schedule.hour,
                day_of_month=schedule.day_of_month,
                month_of_year=schedule.month_of_year,
                day_of_week=schedule.day_of_week,
                timezone=schedule.timezone,
            )
            return {"crontab": crontab}
        case Interval():
            interval, _ = IntervalSchedule.objects.get_or_create(
                every=schedule.every, period=schedule.period
            )
            return {"interval": interval}
