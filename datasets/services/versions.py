"""Versions: record, put aside, bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import NotFound
from datasets.errors import (
    IllegalVersionMove,
)
from datasets.execution.recording import create_ready_version
from datasets.execution.writing import WrittenVersion
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.services.locking import lock_dataset


@transaction.atomic
def record_version(
    *,
    principal: Principal,
    dataset: Dataset,
    written: WrittenVersion,
    parent: DatasetVersion | None = None,
    source: Mapping[str, Any],
    job_id: UUID | None = None,
) -> DatasetVersion:
    """Record rows that :func:`datasets.execution.writing.write_version` wrote as a ready version.

    Meant for the conclusion of a job of another room. The same job and Delta version give the
    version of the first time.
    """
    if dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset.")
    return create_ready_version(
        principal=principal,
        dataset=dataset,
        written=written,
        parent=parent,
        source=source,
        job_id=job_id,
    )


@transaction.atomic
def archive_version(*, principal: Principal, version: DatasetVersion) -> DatasetVersion:
    """Put a version aside: it is no longer offered for training, and stays readable.

    Raises
    ------
    IllegalVersionMove
        It is being built, or archived already.
    """
    principal.require(Permission.EDIT)
    return _move(principal, version, VersionStatus.ARCHIVED)


@transaction.atomic
def restore_version(*, principal: Principal, version: DatasetVersion) -> DatasetVersion:
    """Bring an archived version back.

    Raises
    ------
    IllegalVersionMove
        It is not archived, or has no rows (it failed before it was archived).
    """
    principal.require(Permission.EDIT)
    if version.delta_version is None:
        version.check_move(VersionStatus.BUILDING)
    return _move(principal, version, VersionStatus.READY, only_from=VersionStatus.ARCHIVED)


def _move(
    principal: Principal,
    version: DatasetVersion,
    to: VersionStatus,
    only_from: VersionStatus | None = None,
) -> DatasetVersion:
    dataset = lock_dataset(principal, version.dataset)
    locked = dataset.versions.select_for_update().get(pk=version.pk)
    if only_from is not None and locked.status != only_from:
        raise IllegalVersionMove(f"{locked} is {locked.status}, not {only_from.value}.")
    locked.check_move(to)
    before, locked.status = locked.status, to
    locked.archived_at = now() if to is VersionStatus.ARCHIVED else None
    locked.save(update_fields=["status", "archived_at"])
    audit.record(
        principal=principal,
        action=f"dataset_version.{to.value}",
        target=locked,
        summary=str(locked),
        changes={"status": [before, to.value]},
    )
    return locked
