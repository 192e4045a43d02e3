"""Reading JSON bodies of dialects that are less strict than our own."""

from __future__ import annotations

import json
from typing import Any

import orjson

from models_registry.signatures import BodyMalformed


def read_json(body: bytes | memoryview, *, allow_nan: bool = False) -> Any:
    """Return the value of a JSON text.

    Parameters
    ----------
    allow_nan
        Read the tokens ``NaN`` and ``Infinity``, which are not JSON but which some servers take, as null and as
        an infinite number.

    Raises
    ------
    BodyMalformed
        It is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        text = bytes(body)
        if not allow_nan or not (b"NaN" in text or b"Infinity" in text):
            raise BodyMalformed(f"The body is not valid JSON: {error}") from None
    try:
        return json.loads(text, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise BodyMalformed("The body is not valid JSON.") from error


def read_object(body: bytes | memoryview, *, allow_nan: bool = False) -> dict[str, Any]:
    """Return the value of a JSON text that must be an object.

    Raises
    ------
    BodyMalformed
        It is no JSON, or no object.
    """
    value = read_json(body, allow_nan=allow_nan)
    if not isinstance(value, dict):
        raise BodyMalformed("The body must be a JSON object.", field="body")
    return value


def _constant(name: str) -> float | None:
    return None if name == "NaN" else float(name)
