"""The present moment, in one place so that callers can pass time on as an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """Return the present time, aware and in UTC."""
    return datetime.now(UTC)


def micros_of(moment: datetime) -> int:
    """Return the microseconds from 1970 (UTC) until an aware moment, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
