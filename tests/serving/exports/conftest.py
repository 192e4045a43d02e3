"""Model versions to export, and what comes out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.principals import Principal
from core.blobs import default_store
from jobs.models import Job
from serving import services
from serving.models import ModelExport
from tests.models_registry.fitting import Kind
from tests.serving.versions import register

Export = Callable[..., ModelExport]


@pytest.fixture
def export(principal: Principal, run_job: Callable[[Job], Job]) -> Export:
    """Return a function that registers a version, exports it and returns the row as the job left it."""

    def make(
        estimator: str = "logistic",
        fitted: Kind = "binary",
        *,
        kind: str = "bundle",
        server: str = "",
    ) -> ModelExport:
        made = services.export_model_version(
            principal=principal,
            model_version=register(principal, estimator, fitted),
            kind=kind,
            server=server,
        )
        assert made.job is not None
        run_job(made.job)
        return ModelExport.objects.select_related("job", "model_version__model").get(pk=made.pk)

    return make


def unpacked(export: ModelExport, folder: Path) -> Path:
    """Return the folder that an export's archive holds."""
    with zipfile.ZipFile(io.BytesIO(default_store().read(export.digest))) as archive:
        archive.extractall(folder)
    (inside,) = folder.iterdir()
    return inside
