"""Frames: payloads with a length and a checksum, so that a torn or damaged one is noticed.

A frame is ``MAGIC`` (4 bytes), the payload's length and its CRC-32 (both 4 bytes, little-endian), and the
payload.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

MAGIC = b"\xf5PL1"
_HEADER = struct.Struct("<4sII")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file of frames holds.

    Attributes
    ----------
    payloads
        The intact payloads, in the order in which they were written.
    damaged_bytes
        Bytes that belong to no intact frame.
    torn_bytes
        Bytes of a last frame that was not written to its end: the writer died, or is about to go on.
    """

    payloads: list[bytes]
    damaged_bytes: int = 0
    torn_bytes: int = 0


def encode_frame(payload: bytes) -> bytes:
    """Return a payload with its header."""
    return _HEADER.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload


def scan_frames(data: bytes) -> Scan:
    """Return the payloads of all intact frames; what lies between them is counted, not an error."""
    payloads: list[bytes] = []
    position = _read_sequence(data, payloads)
    if position == len(data):
        return Scan(payloads)
    damaged = 0
    end_of_last = position
    while (start := data.find(MAGIC, position)) >= 0:
        payload = _payload_at(data, start)
        if payload is None:
            position = start + 1
            continue
        damaged += start - end_of_last
        payloads.append(payload)
        position = end_of_last = start + _HEADER.size + len(payload)
    tail = data[end_of_last:]
    if _is_torn(tail):
        return Scan(payloads, damaged, len(tail))
    return Scan(payloads, damaged + len(tail), 0)


def _read_sequence(data: bytes, payloads: list[bytes]) -> int:
    """Take in frames as long as each begins where the one before ends; return where the last of them ends."""
    unpack, checksum_of, size = _HEADER.unpack_from, zlib.crc32, len(data)
    position = 0
    while position + _HEADER.size <= size:
        magic, length, checksum = unpack(data, position)
        begin = position + _HEADER.size
        payload = data[begin : begin + length]
        if magic != MAGIC or len(payload) != length or checksum_of(payload) != checksum:
            break
        payloads.append(payload)
        position = begin + length
    return position


def _is_torn(tail: bytes) -> bool:
    """Whether this is the beginning of a frame that ends too early."""
    if not tail:
        return False
    if len(tail) < _HEADER.size:
        return tail[: len(MAGIC)] == MAGIC[: len(tail)]
    magic, length, _ = _HEADER.unpack_from(tail)
    return bool(magic == MAGIC and _HEADER.size + length > len(tail))


def _payload_at(data: bytes, start: int) -> bytes | None:
    if start + _HEADER.size > len(data):
        return None
    _, length, checksum = _HEADER.unpack_from(data, start)
    begin = start + _HEADER.size
    if begin + length > len(data):
        return None
    payload = data[begin : begin + length]
    return payload if zlib.crc32(payload) == checksum else None
