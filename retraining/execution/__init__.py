"""How a retraining starts, and how a challenger is made, met with the champion and judged.

The retraining itself is in :mod:`.retraining`, which only the process that carries one out loads.
"""

from __future__ import annotations

from retraining.execution.triggers import check_triggers, start, start_on_schedule

__all__ = ["check_triggers", "start", "start_on_schedule"]
