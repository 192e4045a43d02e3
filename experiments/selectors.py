"""Reads of the experiments room."""

from __future__ import annotations

import json
from typing import Any

from core.blobs import default_store
from experiments.models import Run, RunArtifact


def latest_metrics(run: Run) -> dict[str, float | None]:
    """Return the value of the last step of each metric."""
    return dict(run.metrics.order_by("step", "id").values_list("key", "value"))


def plots(run: Run) -> dict[str, Any]:
    """Return the plots' data that the run left (artifacts ``plots/*.json``), by name."""
    store = default_store()
    found = run.artifacts.filter(path__startswith="plots/", path__endswith=".json")
    return {
        artifact.path.removeprefix("plots/").removesuffix(".json"): json.loads(
            store.read(artifact.digest)
        )
        for artifact in found
    }


def keeps_blob(digest: str) -> bool:
    """Whether a run keeps a file of this digest."""
    return RunArtifact.objects.filter(digest=digest).exists()
