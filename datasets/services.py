"""Writes of the datasets room that a person or a client asks for."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from datasets import lake, uploads
from datasets.errors import (
    DatasetInUse,
    IllegalVersionMove,
    NameTaken,
)
from datasets.execution import WrittenVersion, create_ready_version
from datasets.execution.recording import next_number
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.selectors import what_uses
from datasets.uploads import StoredUpload
from jobs import services as job_services
from jobs.errors import IdempotencyKeyReused
from jobs.models import Job

MODES = ("replace", "append")
_KIND = "ingest"


@transaction.atomic
def create_dataset(*, principal: Principal, name: str, description: str = "") -> Dataset:
    """Create a dataset without any version.

    Raises
    ------
    NameTaken
        The project has a dataset of that name.
    Invalid
        The name is empty, longer than 200 characters, or holds control characters.
    """
    principal.require(Permission.EDIT)
    checked = _checked_name(name)
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                project_id=principal.project_id,
                name=checked,
                description=description,
                created_by_id=principal.user_id,
            )
    except IntegrityError as error:
        raise NameTaken(f"There is a dataset named {checked!r} already.", field="name") from error
    audit.record(principal=principal, action="dataset.created", target=dataset, summary=checked)
    return dataset


@transaction.atomic
def update_dataset(
    *,
    principal: Principal,
    dataset: Dataset,
    name: str | None = None,
    description: str | None = None,
) -> Dataset:
    """Rename or describe a dataset; None leaves as it is.

    Raises
    ------
    NameTaken, Invalid
        As :func:`create_dataset`.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, dataset)
    changes: dict[str, list[str]] = {}
    for attribute, value in (
        ("name", None if name is None else _checked_name(name)),
        ("description", description),
    ):
        if value is not None and value != getattr(locked, attribute):
            changes[attribute] = [getattr(locked, attribute), value]
            setattr(locked, attribute, value)
    if not changes:
        return locked
    try:
        with transaction.atomic():
            locked.save(update_fields=list(changes))
    except IntegrityError as error:
        raise NameTaken(f"There is a dataset named {name!r} already.", field="name") from error
    audit.record(principal=principal, action="dataset.changed", target=locked, changes=changes)
    return locked


@transaction.atomic
def delete_dataset(*, principal: Principal, dataset: Dataset) -> None:
    """Delete a dataset with all its versions and rows.

    Raises
    ------
    DatasetInUse
        A run, a model or anything else was made from one of its versions, or a file is being
        ingested.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, dataset)
    if locked.versions.filter(status=VersionStatus.BUILDING).exists():
        raise DatasetInUse("A file is being ingested into this dataset. Wait or cancel its job.")
    uses = what_uses(locked)
    if uses:
        raise DatasetInUse(f"The dataset is used by {', '.join(uses)}.", uses=uses)
    dataset_id, name = locked.pk, locked.name
    files = [str(version.source.get("upload", "")) for version in locked.versions.all()]
    audit.record(principal=principal, action="dataset.deleted", target=locked, summary=name)
    locked.versions.update(parent=None)
    try:
        locked.delete()
    except ProtectedError as error:
        raise DatasetInUse("Something was made from this dataset.") from error

    def clean_up() -> None:
        lake.remove_dataset(dataset_id)
        uploads.discard(files)

    transaction.on_commit(clean_up)


def upload_version(
    *,
    principal: Principal,
    dataset: Dataset,
    file: UploadedFile[bytes] | BinaryIO,
    filename: str,
    mode: str = "replace",
    idempotency_key: str | None = None,
) -> Job:
    """Store a file and ask for it to be ingested as the next version of a dataset.

    The same idempotency key, or the same file as that of the newest version, gives the job of the
    first time.

    Parameters
    ----------
    file
        Anything with ``read``; it is copied in pieces and never held in memory as a whole.
    filename
        What the user calls it; kept as a remark, and its ending must fit the content.
    mode
        ``replace``: the version has the rows of the file; ``append``: those of the newest version,
        then those of the file.

    Raises
    ------
    UploadTooLarge
        It is larger than ``settings.UPLOAD_MAX_BYTES``.
    EmptyFile
        It has no bytes.
    jobs.errors.IdempotencyKeyReused
        The key came before with another file, dataset or mode.
    """
    principal.require(Permission.EDIT)
    if dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset.")
    if mode not in MODES:
        raise Invalid(f"Choose one of {', '.join(MODES)}.", field="mode")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 200:
        raise Invalid("A key has 1 to 200 characters.", field="Idempotency-Key")
    uploads.remove_abandoned()
    stored = uploads.store(file)
    try:
        job = _ask_for_ingestion(
            principal, dataset, stored, uploads.shown_filename(filename), mode, idempotency_key
        )
    except BaseException:
        stored.path.unlink(missing_ok=True)
        raise
    if job.arguments.get("upload") != stored.path.name:
        stored.path.unlink(missing_ok=True)
    return job


def _ask_for_ingestion(
    principal: Principal,
    dataset: Dataset,
    stored: StoredUpload,
    filename: str,
    mode: str,
    idempotency_key: str | None,
) -> Job:
    with transaction.atomic():
        locked = _lock(principal, dataset)
        earlier = None
        if idempotency_key is not None:
            earlier = job_services.find_by_key(
                principal=principal, kind=_KIND, idempotency_key=idempotency_key
            )
        if earlier is not None:
            return _same_upload(earlier, locked, stored, mode)
        newest = locked.versions.exclude(status=VersionStatus.FAILED).order_by("-number").first()
        if newest is not None and newest.job is not None and _is_same(newest, stored, mode):
            return newest.job
        version = DatasetVersion.objects.create(
            dataset=locked,
            number=next_number(locked),
            source={
                "kind": "upload",
                "filename": filename,
                "mode": mode,
                "file_sha256": stored.sha256,
                "file_bytes": stored.size_bytes,
                "upload": stored.path.name,
            },
            created_by_id=principal.user_id,
        )
        job = job_services.enqueue(
            principal=principal,
            kind=_KIND,
            arguments={
                "dataset": locked.pk,
                "dataset_version": version.pk,
                "upload": stored.path.name,
                "file_sha256": stored.sha256,
                "filename": filename,
                "mode": mode,
            },
            idempotency_key=idempotency_key,
            title=f"Ingest {filename} into {locked.name}",
        )
        version.job = job
        version.save(update_fields=["job"])
        audit.record(
            principal=principal,
            action="dataset_version.uploaded",
            target=version,
            summary=f"{version}: {filename}",
            changes={"file_sha256": stored.sha256, "mode": mode},
        )
        return job


def _same_upload(job: Job, dataset: Dataset, stored: StoredUpload, mode: str) -> Job:
    arguments = job.arguments
    same = (
        arguments.get("dataset") == dataset.pk
        and arguments.get("file_sha256") == stored.sha256
        and arguments.get("mode") == mode
    )
    if not same:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent before with a different request.",
            field="Idempotency-Key",
        )
    return job


def _is_same(version: DatasetVersion, stored: StoredUpload, mode: str) -> bool:
    source = version.source
    return bool(source.get("file_sha256") == stored.sha256 and source.get("mode") == mode)


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
    """Record rows that :func:`datasets.execution.write_version` wrote as a ready version.

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
    dataset = _lock(principal, version.dataset)
    locked = dataset.versions.select_for_update().get(pk=version.pk)
    if only_from is not None and locked.status != only_from:
        raise IllegalVersionMove(f"{locked} is {locked.status}, not {only_from.value}.")
    locked.check_move(to)
    before, locked.status = locked.status, to
    locked.save(update_fields=["status"])
    audit.record(
        principal=principal,
        action=f"dataset_version.{to.value}",
        target=locked,
        summary=str(locked),
        changes={"status": [before, to.value]},
    )
    return locked


def _checked_name(name: str) -> str:
    checked = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(checked) <= 200:
        raise Invalid("A name has 1 to 200 characters.", field="name")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in checked):
        raise Invalid("A name has no control characters.", field="name")
    return checked


def _lock(principal: Principal, dataset: Dataset) -> Dataset:
    locked = (
        Dataset.objects.select_for_update()
        .filter(pk=dataset.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such dataset.")
    return locked
