"""The job that compares two versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from datasets.comparison import Side, compare_rows
from datasets.engine.tables import EngineLimits, connect
from datasets.exploration import source_of
from datasets.models import ComparisonStatus, DatasetVersion, Use, VersionComparison
from datasets.schema import Schema
from datasets.selectors import require_use
from jobs.execution import Conclude, JobContext
from jobs.models import Job


def compare(context: JobContext) -> Conclude:
    """Compare the rows of two versions, and store counts and row numbers."""
    comparison = VersionComparison.objects.select_related("base__dataset", "other__dataset").get(
        pk=context.arguments["comparison"]
    )
    require_use(context.principal, comparison.base.dataset, Use.READ)
    limits = EngineLimits(
        memory_bytes=settings.COMPARE_MEMORY_BYTES,
        spill_folder=str(context.scratch),
        spill_bytes=settings.COMPARE_SPILL_BYTES,
    )
    with connect(limits) as connection:
        changes = compare_rows(
            connection,
            _side(comparison.base),
            _side(comparison.other),
            comparison.key,
            progress=context.progress,
        )

    def conclude() -> Mapping[str, Any]:
        locked = VersionComparison.objects.select_for_update().get(pk=comparison.pk)
        locked.check_move(ComparisonStatus.READY)
        locked.status = ComparisonStatus.READY
        locked.result = changes.to_dict()
        locked.save(update_fields=["status", "result"])
        return {"comparison": locked.pk}

    return conclude


def _side(version: DatasetVersion) -> Side:
    return Side(
        source=source_of(version, with_row_number=True),
        schema=Schema.from_dict(version.schema),
        row_count=version.row_count or 0,
        sha256=version.sha256,
    )


def compare_failed(job: Job) -> None:
    """Let the comparison fail with its job."""
    VersionComparison.objects.filter(
        pk=job.arguments.get("comparison"), status=ComparisonStatus.BUILDING
    ).update(status=ComparisonStatus.FAILED)
