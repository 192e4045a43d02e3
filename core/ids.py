"""UUIDs of version 7 (RFC 9562): unique, and ordered by the time at which they were made."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime


def uuid7(unix_ms: int | None = None) -> uuid.UUID:
    """Return a UUID whose first 48 bits are the Unix time in milliseconds.

    Parameters
    ----------
    unix_ms
        The time to encode; now, when absent.
    """
    milliseconds = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def uuid7_time(value: uuid.UUID) -> datetime:
    """Return the moment (UTC, to the millisecond) at which a version 7 UUID was made.

    Raises
    ------
    ValueError
        The UUID is of another version, so it carries no such time.
    """
    if value.version != 7:
        raise ValueError(f"{value} is not a version 7 UUID")
    return datetime.fromtimestamp((value.int >> 80) / 1000, tz=UTC)
