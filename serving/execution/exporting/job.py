"""Carrying out an export: make the archive, try it, keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import audit
from core.blobs import default_store
from core.errors import NotFound
from jobs.execution import Conclude, JobContext
from jobs.models import Job
from models_registry.models import ModelVersion, VersionStatus
from serving.errors import ExportDisproved, ModelNotUsable
from serving.execution.exporting.bundles import make_bundle
from serving.execution.exporting.mobile import make_mobile
from serving.models import ModelExport


def export_model(context: JobContext) -> Conclude:
    """Make an archive of a version and try it; one that does not do what the site does is not given out.

    The archive's bytes depend on the version and on the product only, so another attempt gives the same blob.

    Job arguments: ``model_export`` (id) and ``model_version`` (id). Result: ``model_export``, ``digest`` and
    ``size_bytes``.

    Raises
    ------
    ExportDisproved
        The smoke test was not passed; what it found is kept with the export.
    ExportNotPossible
        The version cannot be exported in this form.
    """
    export = (
        ModelExport.objects.select_related("model_version__model")
        .filter(pk=context.arguments["model_export"], project_id=context.principal.project_id)
        .first()
    )
    if export is None:
        raise NotFound("There is no such export.")
    if export.model_version.status != VersionStatus.READY:
        raise ModelNotUsable(f"{export.model_version} is {export.model_version.status}.")
    context.progress(0.02, "reading the model")
    is_mobile = export.kind == ModelExport.Kind.MOBILE
    made = make_mobile(export, context) if is_mobile else make_bundle(export, context)
    if not made.smoke_test["passed"]:
        ModelExport.objects.filter(pk=export.pk).update(smoke_test=made.smoke_test)
        raise ExportDisproved(f"The smoke test was not passed: {made.smoke_test['problems'][0]}")
    context.progress(0.97, "keeping the archive")
    blob = default_store().put_file(made.archive)

    def conclude() -> Mapping[str, Any]:
        # The version's lock is what an export that is being deleted frees its archive under.
        ModelVersion.objects.select_for_update(of=("self",)).filter(
            pk=export.model_version_id
        ).first()
        locked = ModelExport.objects.select_for_update(of=("self",)).filter(pk=export.pk).first()
        if locked is None:
            raise NotFound("The export was deleted meanwhile.")
        if not default_store().exists(blob.digest):
            default_store().put_file(made.archive)
        locked.check_move(ModelExport.Status.READY)
        locked.status = ModelExport.Status.READY
        locked.digest, locked.size_bytes = blob.digest, blob.size_bytes
        locked.smoke_test = made.smoke_test
        locked.save(update_fields=["status", "digest", "size_bytes", "smoke_test"])
        audit.record(
            principal=context.principal,
            action="model_export.made",
            target=locked,
            summary=str(export),
            changes={"status": ["building", "ready"], "digest": blob.digest},
        )
        return {
            "model_export": locked.pk,
            "digest": blob.digest,
            "size_bytes": blob.size_bytes,
        }

    return conclude


@transaction.atomic
def export_model_failed(job: Job) -> None:
    """Say of the export that there is no archive; a retry of the job can still make one."""
    export = ModelExport.objects.select_for_update().filter(job=job).first()
    if export is not None and export.status != ModelExport.Status.READY:
        export.check_move(ModelExport.Status.FAILED)
        export.status = ModelExport.Status.FAILED
        export.save(update_fields=["status"])
