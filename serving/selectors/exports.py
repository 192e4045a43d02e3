"""Reads of exports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from core.blobs import default_store
from serving.errors import ExportNotReady
from serving.exporting.naming import served_name
from serving.models import ModelExport


@dataclass(frozen=True, slots=True)
class Archive:
    """A finished archive on its way to somebody."""

    filename: str
    size_bytes: int
    digest: str
    chunks: Iterator[bytes]


def with_related(exports: QuerySet[ModelExport]) -> QuerySet[ModelExport]:
    """Load what a list of exports shows in one query, without what is large."""
    return exports.select_related("project", "job", "created_by", "model_version__model").defer(
        "model_version__signature",
        "model_version__runtime_report",
        "model_version__spec",
        "model_version__environment",
    )


def archive_of(export: ModelExport) -> Archive:
    """Return the archive of an export; its digest was checked.

    Raises
    ------
    ExportNotReady
        It is not made yet, or could not be made.
    core.blobs.BlobMissing, core.blobs.BlobCorrupt
        The stored file is away or damaged.
    """
    if export.status != ModelExport.Status.READY:
        raise ExportNotReady(f"The export is {export.status}.")
    version = export.model_version
    name = f"{served_name(version.model.name)}-v{version.number}-{export.server or 'mobile'}.zip"
    chunks = default_store().chunks(export.digest)
    return Archive(name, export.size_bytes, export.digest, chunks)
