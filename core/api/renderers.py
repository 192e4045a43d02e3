"""JSON out: orjson, with floats that are always valid JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import BaseRenderer


def _fallback(value: Any) -> Any:
    return str(value)


class OrjsonRenderer(BaseRenderer):
    """Render with orjson; NaN and infinities become ``null``."""

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
        return orjson.dumps(
            data,
            default=_fallback,
            option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z,
        )
