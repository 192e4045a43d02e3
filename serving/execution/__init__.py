"""Work of the serving room that runs outside a request."""

from __future__ import annotations

from serving.execution.following import (
    announce_change,
    follow_champion,
    follow_champions,
    open_deployment,
)
from serving.execution.shipping import Shipper

__all__ = [
    "Shipper",
    "announce_change",
    "follow_champion",
    "follow_champions",
    "open_deployment",
]
