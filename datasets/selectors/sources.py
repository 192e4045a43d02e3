"""Reads about sources."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from datasets.models import DatasetVersion, RunOutcome, Source, SourceRun, VersionStatus

KEPT_RUNS = 50
"""As many runs of a source are shown."""


def sources() -> QuerySet[Source]:
    """Return all sources with what lists show: schedule, last run and last version."""
    newest = SourceRun.objects.filter(source=OuterRef("pk")).order_by("-id")
    collected = newest.filter(outcome=RunOutcome.COLLECTED, dataset_version__isnull=False)
    return Source.objects.select_related(
        "dataset__project", "schedule__crontab", "schedule__interval", "created_by"
    ).annotate(
        last_outcome=Subquery(newest.values("outcome")[:1]),
        last_run_at=Subquery(newest.values("created_at")[:1]),
        last_job_id=Subquery(newest.values("job_id")[:1]),
        last_error=Subquery(newest.values("error_message")[:1]),
        last_version_id=Subquery(collected.values("dataset_version_id")[:1]),
        last_version_number=Subquery(collected.values("dataset_version__number")[:1]),
        is_under_way=Exists(newest.filter(outcome=RunOutcome.WAITING)),
    )


def runs() -> QuerySet[SourceRun]:
    """Return all runs with what lists show, the newest first."""
    return SourceRun.objects.select_related("source__dataset", "dataset_version__dataset", "job")


def waiting_run(source: Source) -> SourceRun | None:
    """Return the run of a source that has not ended yet, if there is one."""
    return source.runs.filter(outcome=RunOutcome.WAITING).select_related("job").first()


def blocked_version(source: Source, *, sha256: str) -> DatasetVersion | None:
    """Return the version of the last run, when checks hold it back and it has exactly these rows."""
    run = source.runs.exclude(outcome=RunOutcome.WAITING).order_by("-id").first()
    if run is None or run.outcome != RunOutcome.FAILED or run.dataset_version_id is None:
        return None
    return DatasetVersion.objects.filter(
        pk=run.dataset_version_id,
        status=VersionStatus.FAILED,
        block__waived_at=None,
        block__written__sha256=sha256,
    ).first()
