"""Realised performance: what the predictions of a window were worth, as far as labels are known."""

from __future__ import annotations

from monitoring.performance.realised import Performance, realised_performance

__all__ = ["Performance", "realised_performance"]
