"""What one request may ask of a process, read from the settings once: looking them up costs more than keeping them."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed


class Limits(NamedTuple):
    """The limits.

    Attributes
    ----------
    body_bytes, rows
        Of one request.
    seconds
        For one prediction; 0: no limit.
    only_https
        Whether requests that came without it are sent to Django, which redirects them.
    """

    body_bytes: int
    rows: int
    seconds: float
    only_https: bool


_limits: Limits | None = None


def limits() -> Limits:
    """Return the limits of the settings."""
    global _limits
    if _limits is None:
        _limits = Limits(
            settings.PREDICT_MAX_BODY_BYTES,
            settings.PREDICT_MAX_ROWS,
            settings.PREDICT_TIME_LIMIT_SECONDS,
            settings.SECURE_SSL_REDIRECT,
        )
    return _limits


def _forget(**_: Any) -> None:
    global _limits
    _limits = None


setting_changed.connect(_forget, dispatch_uid="serving.limits")
