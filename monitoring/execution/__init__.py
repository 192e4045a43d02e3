"""Work of the monitoring room that a worker does.

The report itself is in :mod:`.reporting`, which only the process that makes one loads.
"""

from __future__ import annotations

from monitoring.execution.scheduling import enqueue_report, policy_of, run_scheduled_reports

__all__ = ["enqueue_report", "policy_of", "run_scheduled_reports"]
