"""Work of the monitoring room that a worker does."""

from __future__ import annotations

from monitoring.execution.alerting import raise_drift_alert
from monitoring.execution.reporting import drift_report
from monitoring.execution.scheduling import enqueue_report, policy_of, run_scheduled_reports

__all__ = [
    "drift_report",
    "enqueue_report",
    "policy_of",
    "raise_drift_alert",
    "run_scheduled_reports",
]
