"""Asking for the jobs of the serving room that are due by the day."""

from __future__ import annotations

from accounts.models import Project
from accounts.principals import system_principal
from core.clock import now
from jobs.models import Job
from jobs.services import enqueue

LOG_RETENTION = "prediction_retention"


def ask_for_log_retention() -> list[Job]:
    """Queue today's run for each project that has a term; keys make it once a day."""
    today = now().date().isoformat()
    projects = Project.objects.filter(endpoints__log_retention_days__isnull=False).distinct()
    return [
        enqueue(
            principal=system_principal(project),
            kind=LOG_RETENTION,
            arguments={"project": project.pk},
            idempotency_key=f"{LOG_RETENTION}:{project.pk}:{today}",
            title="Old predictions",
        )
        for project in projects
    ]
