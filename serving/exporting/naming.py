"""What an export calls a model, in addresses and in manifests."""

from __future__ import annotations

import re
import unicodedata

#: Kubernetes allows 63 characters, and KServe puts words of its own behind the name.
_LONGEST = 40


def served_name(model_name: str) -> str:
    """Return a model's name as a DNS label that begins with a letter.

    Examples
    --------
    >>> served_name("Kündigungen 2026 / B2B")
    'kundigungen-2026-b2b'
    >>> served_name("2026")
    'model-2026'
    """
    plain = unicodedata.normalize("NFKD", model_name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not name or not name[0].isalpha():
        name = f"model-{name}".strip("-")
    return name[:_LONGEST].strip("-")
