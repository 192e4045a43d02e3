"""Records of many instances: a JSON head, and behind it the numbers of the features as they lie in memory.

The text of a thousand instances is three times as long as their numbers, and costs more to write than the model does
to answer.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from serving.prediction_log.features import FeatureBlock

#: No JSON begins so.
_MARK = b"\x01"
_LENGTH = struct.Struct("<I")
_COLUMNS = "columns"
_AT = "at"


def is_block(payload: bytes) -> bool:
    """Whether a payload is such a record."""
    return payload.startswith(_MARK)


def encode_block(head: Mapping[str, Any], features: FeatureBlock) -> bytes:
    """Return a record; columns of float64 are kept as they are, others as JSON."""
    described: dict[str, Any] = {}
    parts: list[bytes] = []
    place = 0
    for name, values in zip(features.names, features.columns, strict=True):
        if isinstance(values, np.ndarray) and values.dtype == np.float64:
            described[name] = {_AT: place}
            parts.append(values.tobytes())
            place += len(parts[-1])
        else:
            described[name] = values
    said = orjson.dumps({**head, _COLUMNS: described}, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join((_MARK, _LENGTH.pack(len(said)), said, *parts))


def head_of(payload: bytes) -> bytes:
    """Return the head of a record: a JSON object whose ``columns`` say where the values are.

    Raises
    ------
    ValueError
        The payload is damaged.
    """
    return payload[len(_MARK) + _LENGTH.size : _head_end(payload)]


def _head_end(payload: bytes) -> int:
    if len(payload) < len(_MARK) + _LENGTH.size:
        raise ValueError("the record ends too early")
    (length,) = _LENGTH.unpack_from(payload, len(_MARK))
    return len(_MARK) + _LENGTH.size + int(length)


def decode_block(payload: bytes) -> dict[str, Any]:
    """Return the head with the features' columns as lists; NaN is None.

    Raises
    ------
    ValueError, KeyError, TypeError
        The payload is damaged.
    """
    begin = _head_end(payload)
    value: dict[str, Any] = orjson.loads(head_of(payload))
    rows = len(value["ids"])
    for name, column in value[_COLUMNS].items():
        if isinstance(column, dict):
            numbers = np.frombuffer(payload, np.float64, rows, begin + column[_AT])
            listed: list[float | None] = numbers.tolist()
            if np.isnan(numbers).any():
                listed = [None if number != number else number for number in listed]
            value[_COLUMNS][name] = listed
    return value
