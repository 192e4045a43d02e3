"""The job that turns an uploaded file into a dataset version."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from datasets.errors import UploadMissing
from datasets.execution.checking import check_before_ready
from datasets.execution.files import write_file
from datasets.execution.recording import make_ready
from datasets.execution.writing import Mode
from datasets.formats import ReadOptions
from datasets.models import DatasetVersion, VersionStatus
from datasets.selectors import earlier_versions_building, latest_ready_version
from datasets.uploads import upload_path
from jobs.execution import Conclude, JobContext
from jobs.models import Job

_WAIT_SECONDS = 30.0


def ingest(context: JobContext) -> Conclude:
    """Read the uploaded file, write its rows to the lake, and pin them to the waiting version.

    Everything
    before the conclusion may be repeated: the Delta write is keyed by the job and by what it
    appends to.
    """
    version = DatasetVersion.objects.select_related("dataset").get(
        pk=context.arguments["dataset_version"]
    )
    path = upload_path(context.arguments["upload"])
    if not path.exists():
        raise UploadMissing("The uploaded file was removed before it was read. Upload it again.")
    mode: Mode = "append" if context.arguments["mode"] == "append" else "replace"

    parent = _parent_to_append_to(context, version) if mode == "append" else None
    base = "" if parent is None else f":{parent.delta_version}"
    found = write_file(
        dataset=version.dataset,
        path=path,
        filename=context.arguments["filename"],
        transaction_id=f"{context.job_id}{base}",
        scratch=context.scratch,
        mode=mode,
        parent=parent,
        options=ReadOptions.from_dict(context.arguments.get("options", {})),
        progress=context.progress,
    )
    written = found.version
    context.log(
        f"{written.row_count} rows in {len(written.schema)} columns, SHA-256 {written.sha256}"
    )

    if found.quarantined_rows:
        context.log(f"{found.quarantined_rows} rows could not be read and were put aside")
    check_before_ready(
        version, written, source=found.source, job_id=context.job_id, progress=context.progress
    )

    def conclude() -> Mapping[str, Any]:
        ready = make_ready(
            principal=context.principal,
            version=version,
            written=written,
            source=found.source,
        )
        transaction.on_commit(lambda: path.unlink(missing_ok=True))
        return {
            "dataset": ready.dataset_id,
            "dataset_version": ready.pk,
            "row_count": ready.row_count,
            "sha256": ready.sha256,
            "quarantined_rows": found.quarantined_rows,
        }

    return conclude


def _parent_to_append_to(context: JobContext, version: DatasetVersion) -> DatasetVersion | None:
    """Return the newest ready version, after giving earlier uploads time to become it."""
    until = time.monotonic() + _WAIT_SECONDS
    while earlier_versions_building(version).exists() and time.monotonic() < until:
        context.progress(0.0, "waiting for an earlier upload")
        time.sleep(0.5)
    return latest_ready_version(version.dataset)


def ingest_failed(job: Job) -> None:
    """Let the waiting version fail with its job; the file is kept for another try."""
    DatasetVersion.objects.filter(
        pk=job.arguments.get("dataset_version"), status=VersionStatus.BUILDING
    ).update(status=VersionStatus.FAILED)
