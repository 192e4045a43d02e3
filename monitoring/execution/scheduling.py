"""Queueing reports: by hand, and for every endpoint once an hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.principals import Principal, system_principal
from core.clock import now
from jobs.models import Job
from jobs.services import enqueue
from monitoring.models import MonitoringPolicy
from serving.models import Endpoint

JOB_KIND = "drift_report"


def policy_of(endpoint: Endpoint) -> MonitoringPolicy:
    """Return the endpoint's policy, made with its defaults when there is none yet."""
    return MonitoringPolicy.objects.get_or_create(endpoint=endpoint)[0]


def enqueue_report(
    *,
    principal: Principal,
    endpoint: Endpoint,
    start: datetime,
    end: datetime,
    idempotency_key: str | None = None,
) -> Job:
    """Queue the comparison of one window."""
    return enqueue(
        principal=principal,
        kind=JOB_KIND,
        arguments={"endpoint": endpoint.pk, "start": start.isoformat(), "end": end.isoformat()},
        idempotency_key=idempotency_key,
        title=f"Drift report of {endpoint.name}",
    )


def run_scheduled_reports() -> list[Job]:
    """Queue a report for each live endpoint whose policy is enabled and that was asked in its window.

    Windows end at full hours, so that two schedulers ask for the same job.
    """
    end = now().replace(minute=0, second=0, microsecond=0)
    jobs = []
    live = Endpoint.objects.filter(status=Endpoint.Status.LIVE).select_related("project")
    for endpoint in live:
        policy = policy_of(endpoint)
        start = end - timedelta(hours=policy.window_hours)
        if not policy.enabled or not _was_asked(endpoint, start, end):
            continue
        jobs.append(
            enqueue_report(
                principal=system_principal(endpoint.project),
                endpoint=endpoint,
                start=start,
                end=end,
                idempotency_key=f"drift-report:{endpoint.pk}:{end.isoformat()}",
            )
        )
    return jobs


def _was_asked(endpoint: Endpoint, start: datetime, end: datetime) -> bool:
    from serving.selectors.predictions import predictions

    found = predictions(
        project_id=endpoint.project_id,
        endpoint_id=endpoint.pk,
        start=start,
        end=end,
        columns=["at"],
    )
    return found is not None and found.num_rows > 0
