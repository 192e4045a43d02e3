"""How a retraining starts, and how a challenger is made, met with the champion and judged."""

from __future__ import annotations

from retraining.execution.retraining import retrain, retrain_failed
from retraining.execution.triggers import check_triggers, start, start_on_schedule

__all__ = ["check_triggers", "retrain", "retrain_failed", "start", "start_on_schedule"]
