"""Files on their way to a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from datasets import uploads
from datasets.execution.recording import next_number
from datasets.formats import ReadOptions
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.selectors import is_held_to_active_schema
from datasets.services.locking import lock_dataset
from datasets.uploads import StoredUpload
from jobs import services as job_services
from jobs.errors import IdempotencyKeyReused
from jobs.models import Job

MODES = ("replace", "append")
_KIND = "ingest"
_LIVE = (VersionStatus.BUILDING, VersionStatus.READY)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to become of the file; the usual options are not written down."""

    mode: str
    options: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"mode": self.mode, "options": dict(self.options)}

    def is_in(self, data: Mapping[str, Any]) -> bool:
        """Whether the same was wished for when ``data`` was recorded."""
        return data.get("mode") == self.mode and data.get("options", {}) == self.options


def upload_version(
    *,
    principal: Principal,
    dataset: Dataset,
    file: UploadedFile[bytes] | BinaryIO,
    filename: str,
    mode: str = "replace",
    options: ReadOptions | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Store a file and ask for it to be ingested as the next version of a dataset.

    The same idempotency key, or the same file as that of the newest version that is not put aside, gives the job
    of the first time; but a file is read again when the edited schema is another one now than it was held to.

    Parameters
    ----------
    file
        Anything with ``read``; it is copied in pieces and never held in memory as a whole.
    filename
        What the user calls it; kept as a remark, and its ending must fit the content.
    mode
        ``replace``: the version has the rows of the file; ``append``: those of the newest version,
        then those of the file.
    options
        What to do with rows that cannot be read, and which sheet of a workbook to take; the usual, when absent.

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
            principal,
            dataset,
            stored,
            uploads.shown_filename(filename),
            _Wish(mode, (options or ReadOptions()).to_dict()),
            idempotency_key,
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
    wish: _Wish,
    idempotency_key: str | None,
) -> Job:
    with transaction.atomic():
        locked = lock_dataset(principal, dataset)
        earlier = None
        if idempotency_key is not None:
            earlier = job_services.find_by_key(
                principal=principal, kind=_KIND, idempotency_key=idempotency_key
            )
        if earlier is not None:
            return _same_upload(earlier, locked, stored, wish)
        newest = locked.versions.filter(status__in=_LIVE).order_by("-number").first()
        if newest is not None and newest.job is not None and _is_same(newest, stored, wish):
            return newest.job
        version = DatasetVersion.objects.create(
            dataset=locked,
            number=next_number(locked),
            source={
                "kind": "upload",
                "filename": filename,
                **wish.to_dict(),
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
                **wish.to_dict(),
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
            changes={"file_sha256": stored.sha256, **wish.to_dict()},
        )
        return job


def _same_upload(job: Job, dataset: Dataset, stored: StoredUpload, wish: _Wish) -> Job:
    arguments = job.arguments
    same = (
        arguments.get("dataset") == dataset.pk
        and arguments.get("file_sha256") == stored.sha256
        and wish.is_in(arguments)
    )
    if not same:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent before with a different request.",
            field="Idempotency-Key",
        )
    return job


def _is_same(version: DatasetVersion, stored: StoredUpload, wish: _Wish) -> bool:
    source = version.source
    if source.get("file_sha256") != stored.sha256 or not wish.is_in(source):
        return False
    return version.status == VersionStatus.BUILDING or is_held_to_active_schema(version)
