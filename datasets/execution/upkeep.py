"""The jobs that keep house in the lake: retention, and putting small files together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.principals import Principal
from core.clock import now
from datasets import lake
from datasets.digest import RowsDigest
from datasets.lake.upkeep import Compaction, compact_pinned, pinned_files, remove_unpinned_files
from datasets.models import Dataset, DatasetVersion, RetentionPolicy, VersionStatus
from datasets.retention import Fate
from datasets.schema import Schema
from datasets.selectors import latest_ready_version
from datasets.selectors.retention import files_of_versions, policy_of, retention_plan
from jobs.execution import Conclude, JobContext

logger = logging.getLogger(__name__)


def apply_retention(context: JobContext) -> Conclude:
    """Archive and purge what the policy says, then delete the files that no version needs any more.

    The rows of the database change before the files go, in a transaction of their own: a crash in between
    leaves files that nobody needs (the next run removes them), never a version without its files.
    """
    dataset = Dataset.objects.get(pk=context.arguments["dataset"])
    context.progress(0.1, "deciding")
    archived, purged = _move_versions(context.principal, dataset, files_of_versions(dataset))
    context.log(f"archived: {archived or 'none'}; rows removed of: {purged or 'none'}")
    context.progress(0.5, "removing files")
    gone = _remove_files(dataset)
    context.log(f"{len(gone)} files deleted")

    def conclude() -> Mapping[str, Any]:
        RetentionPolicy.objects.filter(dataset=dataset).update(last_run_at=now())
        return {
            "dataset": dataset.pk,
            "archived": archived,
            "purged": purged,
            "files_deleted": len(gone),
        }

    return conclude


@transaction.atomic
def _move_versions(
    principal: Principal, dataset: Dataset, files: Mapping[int, Mapping[str, int]]
) -> tuple[list[int], list[int]]:
    """Move the versions of a locked dataset; what depends on them is looked up under the lock."""
    moment = now()
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    versions = {one.pk: one for one in locked.versions.select_for_update().order_by("number")}
    archived: list[int] = []
    purged: list[int] = []
    for planned in retention_plan(policy_of(locked), files, moment=moment):
        version = versions[planned.id]
        if planned.fate is Fate.ARCHIVE:
            _move(principal, version, VersionStatus.ARCHIVED, planned.reasons)
            archived.append(version.number)
        elif planned.fate is Fate.REMOVE:
            _move(principal, version, VersionStatus.PURGED, planned.reasons)
            purged.append(version.number)
    return sorted(archived), sorted(purged)


def _move(
    principal: Principal, version: DatasetVersion, to: VersionStatus, reasons: tuple[str, ...]
) -> None:
    version.check_move(to)
    before, version.status = version.status, to
    if to is VersionStatus.ARCHIVED:
        version.archived_at = now()
    else:
        version.purged_at = now()
    version.save(update_fields=["status", "archived_at", "purged_at"])
    audit.record(
        principal=principal,
        action=f"dataset_version.{to.value}",
        target=version,
        summary=f"{version}: retention, {'; '.join(reasons)}",
        changes={"status": [before, to.value]},
    )


def _remove_files(dataset: Dataset) -> tuple[str, ...]:
    pinned = dataset.versions.filter(
        status__in=[VersionStatus.READY, VersionStatus.ARCHIVED], delta_version__isnull=False
    ).values_list("delta_version", flat=True)
    return remove_unpinned_files(
        lake.dataset_path(dataset),
        [number for number in pinned if number is not None],
        grace_hours=settings.LAKE_GRACE_HOURS,
    )


def compact_dataset(context: JobContext) -> Conclude:
    """Put the small files of the newest version together, and pin it to the result once that is proved equal.

    The digest over all rows of the compacted state must be the one that the version has; only then is the
    version pinned to it. All other versions keep what they are pinned to.
    """
    dataset = Dataset.objects.get(pk=context.arguments["dataset"])
    version = latest_ready_version(dataset)
    path = lake.dataset_path(dataset)
    made: Compaction | None = None
    is_equal = False
    if version is not None and version.delta_version is not None:
        context.progress(0.1, "putting files together")
        made = compact_pinned(path, version.delta_version)
        if made is not None:
            is_equal = _digest(context, path, made, version) == version.sha256
            if not is_equal:
                context.log("The compacted rows differ from the version's; it stays as it is.")
                logger.error("compaction of dataset %s changed its rows", dataset.pk)

    def conclude() -> Mapping[str, Any]:
        result: dict[str, Any] = {"dataset": dataset.pk, "is_compacted": False}
        if version is None or made is None or not is_equal:
            return result
        if not _pin(context.principal, version, made, path):
            return result
        return {
            **result,
            "dataset_version": version.pk,
            "is_compacted": True,
            "files_before": made.files_before,
            "files_after": made.files_after,
        }

    return conclude


def _digest(context: JobContext, path: str, made: Compaction, version: DatasetVersion) -> str:
    schema = Schema.from_dict(version.schema)
    digest = RowsDigest(schema)
    rows = 0
    for batch in lake.iter_pinned(path, made.delta_version, schema):
        digest.update(batch)
        rows += batch.num_rows
        context.progress(0.3 + 0.65 * rows / max(1, version.row_count or 1), "comparing rows")
    return digest.hexdigest()


def _pin(principal: Principal, version: DatasetVersion, made: Compaction, path: str) -> bool:
    """Pin a version to its compacted state, unless it was pinned to something else in the meantime.

    An erasure writes the table anew elsewhere, in which the same Delta version is another state.
    """
    dataset = Dataset.objects.select_for_update().get(pk=version.dataset_id)
    locked = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    is_same = (
        lake.dataset_path(dataset) == path
        and locked.delta_version == version.delta_version
        and locked.sha256 == version.sha256
    )
    if not is_same or not locked.has_rows:
        return False
    locked.delta_version = made.delta_version
    locked.size_bytes = sum(pinned_files(path, made.delta_version).values())
    locked.save(update_fields=["delta_version", "size_bytes"])
    audit.record(
        principal=principal,
        action="dataset_version.compacted",
        target=locked,
        summary=f"{locked}: {made.files_before} files became {made.files_after}, the same rows",
        changes={"delta_version": [version.delta_version, made.delta_version]},
    )
    return True
