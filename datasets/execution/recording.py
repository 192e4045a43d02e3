"""The rows that say what a version is; called in the transaction that concludes the work."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.principals import Principal
from core.clock import now
from datasets.errors import AppendOvertaken, RowsMoved
from datasets.execution.writing import WrittenVersion
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.selectors import latest_ready_version
from jobs.models import Job


def next_number(dataset: Dataset) -> int:
    """Return the number of the next version; the caller has locked the dataset's row."""
    highest = dataset.versions.aggregate(highest=Max("number"))["highest"]
    return (highest or 0) + 1


def dataset_beside(dataset: Dataset, *, principal: Principal) -> Dataset:
    """Return a dataset in which a project may keep rows of this one: itself, when it is its own.

    For a dataset of another project that is one of the caller's own, made when it is first needed,
    and restricted by the other one: it can be used as far as the grant goes.
    """
    if dataset.project_id == principal.project_id:
        return dataset
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)  # two jobs make one
        present = dataset.derived.filter(project_id=principal.project_id).first()
        if present is not None:
            return present
        made = Dataset.objects.create(
            project_id=principal.project_id,
            name=_free_name(principal.project_id, f"{dataset.name} of {dataset.project.slug}"),
            description=f"Rows that {dataset.project.name} shares, with what production added.",
            restricted_by=dataset,
            created_by_id=principal.user_id,
        )
        audit.record(principal=principal, action="dataset.created", target=made, summary=made.name)
        return made


def _free_name(project_id: int, wanted: str) -> str:
    taken = set(
        Dataset.objects.filter(project_id=project_id, name__startswith=wanted[:190]).values_list(
            "name", flat=True
        )
    )
    numbered = chain([wanted[:190]], (f"{wanted[:190]} {number}" for number in count(2)))
    return next(name for name in numbered if name not in taken)


def create_ready_version(
    *,
    principal: Principal,
    dataset: Dataset,
    written: WrittenVersion,
    parent: DatasetVersion | None,
    source: Mapping[str, Any],
    job_id: UUID | None,
) -> DatasetVersion:
    """Record rows that are in the lake as a new version, once per job and Delta version."""
    locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if job_id is not None:
        present = locked.versions.filter(
            job_id=job_id, delta_version=written.delta_version, status=VersionStatus.READY
        ).first()
        if present is not None:
            return present
    _check_generation(locked, written)
    version = DatasetVersion.objects.create(
        dataset=locked,
        number=next_number(locked),
        status=VersionStatus.READY,
        parent_id=parent.pk if parent is not None else written.parent_id,
        source=dict(source),
        job_id=job_id,
        created_by_id=principal.user_id,
        **_measured(written),
    )
    _tell(principal, version)
    return version


def waiting_version(
    *,
    principal: Principal,
    dataset: Dataset,
    source: Mapping[str, Any],
    job_id: UUID,
    parent: DatasetVersion | None = None,
    instead_of: DatasetVersion | None = None,
) -> DatasetVersion:
    """Return the version in which rows that a job has written wait for the checks: one for each job.

    Parameters
    ----------
    parent
        What the version comes from, where that is not what the rows are appended to.
    instead_of
        A version that is held back with the same rows: it waits once more, under this job.
    """
    with transaction.atomic():
        locked = Dataset.objects.select_for_update().get(pk=dataset.pk)
        present = locked.versions.filter(
            job_id=job_id, status__in=[VersionStatus.BUILDING, VersionStatus.FAILED]
        ).first()
        if present is None and instead_of is not None:
            present = locked.versions.filter(pk=instead_of.pk, status=VersionStatus.FAILED).first()
        if present is None:
            return DatasetVersion.objects.create(
                dataset=locked,
                number=next_number(locked),
                parent=parent,
                source=dict(source),
                job_id=job_id,
                created_by_id=principal.user_id,
            )
        present.job_id = job_id
        present.source = dict(source)
        present.save(update_fields=["job", "source"])
        return present


def fail_waiting_version(job: Job) -> None:
    """Let the version that waits for a job's rows fail with the job."""
    DatasetVersion.objects.filter(job=job, status=VersionStatus.BUILDING).update(
        status=VersionStatus.FAILED
    )


def make_ready(
    *,
    principal: Principal,
    version: DatasetVersion,
    written: WrittenVersion,
    source: Mapping[str, Any],
    expects_newest: bool = True,
) -> DatasetVersion:
    """Pin the rows to the version that was waiting for them.

    Parameters
    ----------
    expects_newest
        Whether rows that were appended must still go on where the newest ready version ends.

    Raises
    ------
    RowsMoved
        The dataset's table was written anew while the rows were being written to the former one.
    AppendOvertaken
        The rows were appended to a version that is no longer the newest ready one.
    IllegalVersionMove
        The version is not waiting for rows.
    """
    dataset = Dataset.objects.select_for_update().get(pk=version.dataset_id)
    locked = DatasetVersion.objects.select_for_update().get(pk=version.pk)
    locked.check_move(VersionStatus.READY)
    _check_generation(dataset, written)
    newest = latest_ready_version(dataset)
    is_overtaken = newest is None or newest.pk != written.parent_id
    if expects_newest and written.parent_id is not None and is_overtaken:
        raise AppendOvertaken(
            "Another version became ready while the rows were being appended. Try the job again."
        )
    for name, value in _measured(written).items():
        setattr(locked, name, value)
    locked.status = VersionStatus.READY
    if written.parent_id is not None:
        locked.parent_id = written.parent_id
    locked.source = {**locked.source, **source}
    locked.save()
    _tell(principal, locked)
    return locked


def _check_generation(dataset: Dataset, written: WrittenVersion) -> None:
    """Refuse rows that were written to a table which an erasure has replaced meanwhile."""
    if dataset.lake_generation != written.lake_generation:
        raise RowsMoved("Rows of the dataset were erased meanwhile. Try the job again.")


def _measured(written: WrittenVersion) -> dict[str, Any]:
    """Return what a version has from the moment on at which it is ready."""
    return {
        "delta_version": written.delta_version,
        "row_count": written.row_count,
        "size_bytes": written.size_bytes,
        "sha256": written.sha256,
        "schema": written.schema.to_dict(),
        "profile": written.profile,
        "ready_at": now(),
    }


def _tell(principal: Principal, version: DatasetVersion) -> None:
    audit.record(
        principal=principal,
        action="dataset_version.ready",
        target=version,
        summary=f"{version}: {version.row_count} rows",
        changes={"sha256": version.sha256, "delta_version": version.delta_version},
    )
