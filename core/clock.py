"""The present moment, in one place so that callers can pass time on as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time, aware and in UTC."""
    return datetime.now(UTC)
