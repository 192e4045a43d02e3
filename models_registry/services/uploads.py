"""Models that were made elsewhere: taken in, and left to a job to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid
from datasets import uploads
from datasets.models import DatasetVersion, Use
from datasets.models import VersionStatus as DataStatus
from datasets.schema import Role, Schema
from datasets.selectors import require_use
from jobs import services as job_services
from jobs.models import Job
from models_registry.errors import DataNotUsable, ModelFileTooLarge
from models_registry.models import Task
from models_registry.services.registration import get_or_create_model
from models_registry.uploads.declaring import Declaration

_KIND = "upload_model"


def upload_model(
    *,
    principal: Principal,
    file: UploadedFile[bytes],
    model: str,
    task: str,
    signature: Mapping[str, Any] | None = None,
    dataset_version: DatasetVersion | None = None,
    target: str = "",
    idempotency_key: str | None = None,
) -> Job:
    """Store an ONNX file and ask for it to be looked at, measured and registered as the next version of a model.

    Parameters
    ----------
    file
        Copied in pieces; opened by the job only, in a process of its own.
    model
        Name of the registered model; made when it does not exist.
    task
        What kind of answer the model gives.
    signature
        What the file does not say about its inputs and outputs
        (:class:`~models_registry.uploads.declaring.Declaration`).
    dataset_version
        Rows that the model is measured on, and that production is compared with.
    target
        The column with the true answers; the one whose role says so, when absent. Without any, nothing is measured
        that needs the truth.
    idempotency_key
        The same key with the same file and wishes gives the job of the first time.

    Raises
    ------
    ModelFileTooLarge
        It is larger than ``settings.MODEL_UPLOAD_MAX_BYTES``.
    DeclarationRefused
        The declared signature is malformed.
    DataNotUsable
        The dataset version is not ready, or lacks the target or a declared column.
    """
    principal.require(Permission.EDIT)
    if not model.strip():
        raise Invalid("Name the registered model.", field="model")
    if task not in Task.values:
        raise Invalid(f"Choose among {', '.join(Task.values)}.", field="task")
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 200:
        raise Invalid("A key has 1 to 200 characters.", field="Idempotency-Key")
    declared = Declaration.from_dict(signature or None)
    target = _checked_data(principal, dataset_version, target.strip(), declared)
    limit = settings.MODEL_UPLOAD_MAX_BYTES
    if (file.size or 0) > limit:
        raise ModelFileTooLarge(f"A model file may have at most {limit:,} bytes.", field="file")
    uploads.remove_abandoned()
    stored = uploads.store(file)
    try:
        filename = uploads.shown_filename(file.name or "model.onnx")
        wishes = {
            "model_name": model.strip(),
            "task": task,
            "signature": dict(signature or {}),
            "dataset_version": dataset_version.pk if dataset_version is not None else None,
            "target": target,
            "file_sha256": stored.sha256,
            "filename": filename,
        }
        job = _ask(principal, wishes, stored.path.name, idempotency_key)
    except BaseException:
        stored.path.unlink(missing_ok=True)
        raise
    if job.arguments.get("upload") != stored.path.name:
        stored.path.unlink(missing_ok=True)
    return job


@transaction.atomic
def _ask(
    principal: Principal, wishes: Mapping[str, Any], upload: str, idempotency_key: str | None
) -> Job:
    if idempotency_key is not None:
        earlier = job_services.find_by_key(
            principal=principal, kind=_KIND, idempotency_key=idempotency_key
        )
        if earlier is not None:
            upload = str(earlier.arguments.get("upload", upload))  # all else must be the same
    registered = get_or_create_model(
        principal=principal,
        name=wishes["model_name"],
        task=wishes["task"],
        knows_anomalies=wishes["task"] == Task.ANOMALY and bool(wishes["target"]),
    )
    job = job_services.enqueue(
        principal=principal,
        kind=_KIND,
        arguments={**wishes, "model": registered.pk, "upload": upload},
        idempotency_key=idempotency_key,
        title=f"Register {wishes['filename']} as {registered.name}",
    )
    audit.record(
        principal=principal,
        action="model_version.uploaded",
        target=registered,
        summary=f"{registered.name}: {wishes['filename']}",
        changes={"file_sha256": wishes["file_sha256"], "job": str(job.pk)},
    )
    return job


def _checked_data(
    principal: Principal,
    version: DatasetVersion | None,
    target: str,
    declared: Declaration,
) -> str:
    """Return the name of the target; empty where there is none."""
    if version is None:
        if target:
            raise Invalid("A target needs a dataset version that has it.", field="target")
        return ""
    require_use(principal, version.dataset, Use.TRAIN, field="dataset_version")
    if version.status != DataStatus.READY:
        raise DataNotUsable(f"The dataset version is {version.status}.", field="dataset_version")
    schema = Schema.from_dict(version.schema)
    if target and target not in schema:
        raise DataNotUsable(f"The data has no column '{target}'.", field="target")
    for at, one in enumerate(declared.inputs):
        if one.name not in schema:
            raise DataNotUsable(
                f"The data has no column '{one.name}'.", field=f"signature.inputs[{at}].name"
            )
        if one.name == target:
            raise DataNotUsable(
                "The target cannot be an input.", field=f"signature.inputs[{at}].name"
            )
    if target:
        return target
    return next((column.name for column in schema if column.role is Role.TARGET), "")
