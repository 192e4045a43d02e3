"""JSON out: orjson, with floats that are always valid JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


def _fallback(value: Any) -> Any:
    return str(value)


def _as_doubles(data: Any) -> Any:
    """Return data in which whole numbers beyond 64 bits are doubles.

    PostgreSQL keeps the numbers of JSON as decimals: ``1e20``, a double when it was written, comes back whole.
    """
    if isinstance(data, Mapping):
        return {name: _as_doubles(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_as_doubles(value) for value in data]
    if isinstance(data, int) and not -(2**63) <= data < 2**64:
        try:
            return float(data)
        except OverflowError:
            return str(data)
    return data


class OrjsonRenderer(BaseRenderer):
    """Render with orjson; NaN and infinities become ``null``, whole numbers beyond 64 bits doubles."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "text"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return ``data`` as UTF-8 bytes."""
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_fallback, option=_OPTIONS)
        except orjson.JSONEncodeError:
            return orjson.dumps(_as_doubles(data), default=_fallback, option=_OPTIONS)
