"""Who asks for the jobs that keep house in the lake."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q

from accounts.principals import Principal, system_principal
from core.clock import now
from datasets.models import Dataset, RetentionPolicy
from datasets.selectors import latest_ready_version
from jobs import services as job_services
from jobs.models import Job

RETENTION = "retention"
COMPACTION = "compact_dataset"


def ask_for_retention(
    *, principal: Principal, dataset: Dataset, idempotency_key: str | None = None
) -> Job:
    """Queue a run of the dataset's retention policy."""
    return job_services.enqueue(
        principal=principal,
        kind=RETENTION,
        arguments={"dataset": dataset.pk},
        idempotency_key=idempotency_key,
        title=f"Retention of {dataset.name}",
    )


def ask_for_compaction(
    *, principal: Principal, dataset: Dataset, idempotency_key: str | None = None
) -> Job:
    """Queue the compaction of a dataset's newest version."""
    return job_services.enqueue(
        principal=principal,
        kind=COMPACTION,
        arguments={"dataset": dataset.pk},
        idempotency_key=idempotency_key,
        title=f"Compact {dataset.name}",
    )


def keep_house() -> list[Job]:
    """Queue today's retention runs, and a compaction for datasets that have grown by appends.

    Keys make it once a day and dataset, however often it is called. A compaction is asked for once for
    each newest version that closes a series of appends.
    """
    today = now().date().isoformat()
    policies = RetentionPolicy.objects.filter(is_enabled=True).select_related("dataset__project")
    asked = [
        ask_for_retention(
            principal=system_principal(policy.dataset.project),
            dataset=policy.dataset,
            idempotency_key=f"retention:{policy.dataset_id}:{today}",
        )
        for policy in policies
    ]
    recent = now() - timedelta(days=settings.COMPACT_LOOKBACK_DAYS)
    appended = Q(versions__parent__isnull=False, versions__created_at__gte=recent)
    grown = (
        Dataset.objects.select_related("project")
        .annotate(appends=Count("versions", filter=appended))
        .filter(appends__gte=settings.COMPACT_AFTER_APPENDS)
    )
    for dataset in grown:
        newest = latest_ready_version(dataset)
        if newest is not None and newest.parent_id is not None:
            asked.append(
                ask_for_compaction(
                    principal=system_principal(dataset.project),
                    dataset=dataset,
                    idempotency_key=f"compaction:{newest.pk}",
                )
            )
    return asked
