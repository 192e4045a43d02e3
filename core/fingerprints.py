"""Keyed fingerprints: a text is recognised again by them, and cannot be guessed without the site's key."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings


def fingerprint(text: str, *, purpose: str) -> str:
    """Return HMAC-SHA256 (hex) of a text under a key of the site.

    Parameters
    ----------
    purpose
        What it is for; the same text has another fingerprint for another purpose.
    """
    key = hmac.new(
        settings.SECRET_KEY.encode(), f"fingerprint: {purpose}".encode(), hashlib.sha256
    ).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
