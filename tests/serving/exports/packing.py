"""Bundles as folders, without any database; packed once for all tests."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from models_registry.decisions import usual_threshold
from serving.exporting.bundle import Packed, bundle_files, bundle_requirements
from serving.exporting.folders import with_sums
from serving.exporting.manifests import Named
from tests.models_registry.fitting import Kind, fit, validated

NUMBER = 3
DESCRIBED = {"id": 7, "model": "churn", "number": NUMBER}


@cache
def packed(estimator: str = "logistic", kind: Kind = "binary", framework: str = "flask") -> Packed:
    """Return what goes into the bundle of a fitted version."""
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    return Packed(
        named=Named("churn", NUMBER, hashlib.sha256(outcome.artifact).hexdigest()),
        framework=framework,
        described=DESCRIBED,
        task=one.signature.task,
        signature=one.signature,
        runtime=outcome.runtime,
        artifact=outcome.artifact,
        binding=None,
        onnx=outcome.onnx,
        card="# churn\n",
        most_bytes=1 << 20,
        most_rows=1000,
        threshold=usual_threshold(one.signature, {}),
    )


@cache
def files(
    estimator: str = "logistic", kind: Kind = "binary", framework: str = "flask"
) -> dict[str, bytes]:
    """Return the files of a bundle, digests included; do not change what is returned."""
    one = packed(estimator, kind, framework)
    return with_sums(bundle_files(one, bundle_requirements(one)))


def lay_out(content: dict[str, bytes], folder: Path) -> Path:
    """Write files below a folder."""
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
