"""What Prometheus reads of a web process."""

from __future__ import annotations

from serving.metrics.exposition import exposition

__all__ = ["exposition"]
