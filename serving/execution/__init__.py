"""Work of the serving room that runs outside a request."""

from __future__ import annotations

from serving.execution.shipping import Shipper

__all__ = ["Shipper"]
