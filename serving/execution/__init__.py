"""Work of the serving room that runs outside a request.

The shipper of the prediction log is in :mod:`.shipping`.
"""

from __future__ import annotations

from serving.execution.counters import forget_old_minutes
from serving.execution.deploying import end_work, open_beside, weigh
from serving.execution.following import (
    announce_change,
    follow_champion,
    follow_champions,
    open_deployment,
)

__all__ = [
    "announce_change",
    "end_work",
    "follow_champion",
    "follow_champions",
    "forget_old_minutes",
    "open_beside",
    "open_deployment",
    "weigh",
]
