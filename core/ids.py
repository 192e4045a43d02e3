"""UUIDs of version 7 (RFC 9562): unique, and ordered by the time at which they were made."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: A random hexadecimal digit as the digit whose upper bits are the variant (binary 10).
_VARIANT = {f"{digit:x}": f"{8 + digit % 4:x}" for digit in range(16)}


#: Random bytes are drawn for so many ids at once: a call to the operating system costs more than an id.
_DRAWN_AT_ONCE = 256
_MANY = 64
_drawn: list[str] = []


def _tail() -> str:
    """Return the end of an id, from its version on, that nobody else gets; safe to call from several threads."""
    try:
        return _drawn.pop()
    except IndexError:
        first, *others = _draw(_DRAWN_AT_ONCE)
        _drawn.extend(others)
        return first


def _draw(count: int) -> list[str]:
    digits = os.urandom(10 * count).hex()
    return [
        f"7{noise[:3]}-{_VARIANT[noise[3]]}{noise[4:7]}-{noise[7:19]}"
        for at in range(0, 20 * count, 20)
        for noise in [digits[at : at + 20]]
    ]


# What a parent has drawn is the parent's.
os.register_at_fork(after_in_child=_drawn.clear)


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


def uuid7_texts(count: int) -> list[str]:
    """Return ``count`` new version 7 UUIDs of this millisecond in their usual spelling."""
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{stamp[:8]}-{stamp[8:]}-"
    if count == 1:
        return [head + _tail()]
    if count < _MANY:
        return [head + tail for tail in _draw(count)]
    return _many_texts(head, count)


def _many_texts(head: str, count: int) -> list[str]:
    """Return ids with the same head; put together as bytes, since for each by itself it takes four times as long."""
    import numpy as np

    def letters(text: str) -> npt.NDArray[np.uint8]:
        return np.frombuffer(text.encode("ascii"), np.uint8)

    noise = letters(os.urandom(10 * count).hex()).reshape(count, 20)
    variants = np.zeros(128, np.uint8)
    variants[letters("".join(_VARIANT))] = letters("".join(_VARIANT.values()))
    made = np.empty((count, 36), np.uint8)
    made[:, :15] = letters(f"{head}7")
    made[:, 15:18] = noise[:, :3]
    made[:, (18, 23)] = ord("-")
    made[:, 19] = variants[noise[:, 3]]
    made[:, 20:23] = noise[:, 4:7]
    made[:, 24:] = noise[:, 7:19]
    text = made.tobytes().decode("ascii")
    return [text[at : at + 36] for at in range(0, 36 * count, 36)]


def uuid7_hex() -> str:
    """Return a new version 7 UUID without its dashes."""
    return f"{time.time_ns() // 1_000_000:012x}{_tail().replace('-', '')}"


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
