"""Asking for a model version as files, and deleting them."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.blobs import default_store
from core.errors import Invalid, NotFound
from jobs.errors import IdempotencyKeyReused
from jobs.models import FINAL_STATUSES
from jobs.services import enqueue, find_by_key
from models_registry.models import ModelVersion, VersionStatus
from models_registry.selectors import keeps_blob
from serving.errors import ExportUnderWay, ModelNotUsable
from serving.models import ModelExport

KIND = "export_model"


@transaction.atomic
def export_model_version(
    *,
    principal: Principal,
    model_version: ModelVersion,
    kind: str = ModelExport.Kind.BUNDLE,
    server: str = "",
    idempotency_key: str | None = None,
) -> ModelExport:
    """Ask a job to make an archive of a version, and to try it.

    Parameters
    ----------
    kind
        ``bundle`` (a folder with a server) or ``onnx-mobile``.
    server
        The framework of a bundle's server, ``flask`` or ``fastapi``; absent: Flask. A mobile model has none.
    idempotency_key
        The same key with the same request gives what was asked for the first time.

    Raises
    ------
    ModelNotUsable
        The version is not ready.
    Invalid
        A mobile model was asked for with a server, or an unknown kind or server.
    """
    principal.require(Permission.EDIT)
    if model_version.model.project_id != principal.project_id:
        raise NotFound("There is no such model version.", field="model_version")
    server = _checked_server(kind, server)
    if model_version.status != VersionStatus.READY:
        raise ModelNotUsable(f"{model_version} is {model_version.status}.", field="model_version")
    if idempotency_key is not None:
        earlier = find_by_key(principal=principal, kind=KIND, idempotency_key=idempotency_key)
        found = ModelExport.objects.filter(job=earlier).first() if earlier is not None else None
        if found is not None:
            return _same(found, model_version, kind, server)
        if earlier is not None:
            raise IdempotencyKeyReused(
                "The export that was asked for with this Idempotency-Key was deleted; send another key.",
                field="Idempotency-Key",
            )
    export = ModelExport.objects.create(
        project_id=principal.project_id,
        model_version=model_version,
        kind=kind,
        server=server,
        created_by_id=principal.user_id,
    )
    export.job = enqueue(
        principal=principal,
        kind=KIND,
        arguments={"model_export": export.pk, "model_version": model_version.pk},
        idempotency_key=idempotency_key,
        title=f"Export {export}",
    )
    export.save(update_fields=["job"])
    audit.record(
        principal=principal,
        action="model_export.asked",
        target=export,
        summary=str(export),
        changes={"kind": kind, "server": server},
    )
    return export


@transaction.atomic
def delete_export(*, principal: Principal, export: ModelExport) -> None:
    """Delete an export; its archive goes, too, unless something else has the same bytes.

    Raises
    ------
    ExportUnderWay
        A job is making it: cancel that first.
    """
    principal.require(Permission.EDIT)
    locked = (
        ModelExport.objects.select_for_update(of=("self",))
        .select_related("job", "model_version__model")
        .filter(pk=export.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such export.")
    if locked.job is not None and locked.job.status not in FINAL_STATUSES:
        raise ExportUnderWay("A job is making this export. Cancel the job, then delete the export.")
    audit.record(
        principal=principal,
        action="model_export.deleted",
        target=locked,
        summary=str(locked),
        changes={"status": locked.status, "digest": locked.digest},
    )
    if locked.digest:
        transaction.on_commit(partial(_free_archive, locked.model_version_id, locked.digest))
    locked.delete()


@transaction.atomic
def _free_archive(version_id: int, digest: str) -> None:
    """Remove an archive that nothing refers to any more.

    Equal bytes come from the same version only. A job that has made them meanwhile records them under the same
    lock, and stores them again if they are gone.
    """
    ModelVersion.objects.select_for_update(of=("self",)).filter(pk=version_id).first()
    if not ModelExport.objects.filter(digest=digest).exists() and not keeps_blob(digest):
        default_store().remove(digest)


def _checked_server(kind: str, server: str) -> str:
    if kind not in ModelExport.Kind.values:
        raise Invalid(f"There is no export of the kind '{kind}'.", field="kind")
    if kind == ModelExport.Kind.MOBILE:
        if server:
            raise Invalid("A mobile model has no server.", field="server")
        return ""
    if server and server not in ModelExport.Server.values:
        raise Invalid(f"There is no server '{server}'.", field="server")
    return server or ModelExport.Server.FLASK.value


def _same(found: ModelExport, version: ModelVersion, kind: str, server: str) -> ModelExport:
    if (found.model_version_id, found.kind, found.server) != (version.pk, kind, server):
        raise IdempotencyKeyReused(
            "This Idempotency-Key was sent before with a different request.",
            field="Idempotency-Key",
        )
    return found
