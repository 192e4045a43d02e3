"""Letting old predictions go: rows, then the files that only they were in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.clock import now
from datasets import lake
from jobs.execution import Conclude, JobContext
from serving.execution.shipping import put_together
from serving.models import Endpoint
from serving.selectors.predictions import failures_path, log_path


def apply_log_retention(context: JobContext) -> Conclude:
    """Delete what endpoints of the job's project keep no longer; a second run finds nothing to do.

    Whole days are dropped by the log of the table alone; a day that endpoints with longer terms share is
    written anew without the rows that go.
    """
    endpoints = Endpoint.objects.filter(
        project_id=context.principal.project_id, log_retention_days__isnull=False
    )
    today = now().date()
    deleted: dict[str, int] = {}
    paths = (log_path(context.principal.project_id), failures_path(context.principal.project_id))
    for endpoint in endpoints:
        first_kept = today - timedelta(days=endpoint.log_retention_days or 0)
        predicate = f"day < '{first_kept.isoformat()}' AND endpoint_id = {endpoint.pk}"
        gone = sum(lake.delete_rows(path, predicate) for path in paths)
        context.log(f"{endpoint.name}: {gone} rows of the days before {first_kept}")
        deleted[endpoint.name] = gone
        context.progress(0.9 * len(deleted) / max(1, endpoints.count()), "deleting")
    for path in paths:
        put_together(path)

    def conclude() -> Mapping[str, Any]:
        return {"deleted": deleted}

    return conclude
