"""The job that reads all rows of a version again and compares their digest with the recorded one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import NotFound
from datasets import lake
from datasets.errors import VersionNotReady
from datasets.execution.erasure.remeasuring import digest_of
from datasets.models import DatasetVersion
from datasets.schema import Schema
from jobs.execution import Conclude, JobContext


def verify_version(context: JobContext) -> Conclude:
    """Recompute a version's digest and row count.

    Job argument: ``dataset_version`` (id). Result: ``recorded`` and ``found`` (SHA-256), ``row_count``, ``matches``.
    """
    version = (
        DatasetVersion.objects.select_related("dataset")
        .filter(
            pk=context.arguments["dataset_version"],
            dataset__project_id=context.principal.project_id,
        )
        .first()
    )
    if version is None:
        raise NotFound("There is no such dataset version.")
    if not version.has_rows or version.delta_version is None:
        raise VersionNotReady(f"{version} has no rows to verify.")
    context.progress(0.05, "reading all rows")
    path = lake.dataset_path(version.dataset)
    found = digest_of(path, version.delta_version, Schema.from_dict(version.schema))
    row_count = lake.pinned_row_count(path, version.delta_version)
    recorded, recorded_rows, pk = version.sha256, version.row_count, version.pk

    def conclude() -> Mapping[str, Any]:
        return {
            "dataset_version": pk,
            "recorded": recorded,
            "found": found,
            "row_count": row_count,
            "matches": found == recorded and row_count == recorded_rows,
        }

    return conclude
