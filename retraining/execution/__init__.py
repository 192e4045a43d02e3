"""How a retraining starts, and how a challenger is made, met with the champion and judged."""

from __future__ import annotations

from retraining.execution.triggers import check_triggers, start, start_on_schedule

__all__ = ["check_triggers", "start", "start_on_schedule"]
