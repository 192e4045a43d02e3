"""The files of a bundle: their digests are checked before one of them is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from models_registry.artifacts import load_pipeline
from models_registry.runtimes import Runtime
from models_registry.runtimes.choice import load_runtime
from models_registry.runtimes.uploaded import Binding, UploadedRuntime
from models_registry.signatures import Signature
from serving.standalone.digests import check_digests
from serving.standalone.model import StandaloneModel

DESCRIPTION = "bundle.json"
SIGNATURE = "model/signature.json"
PIPELINE = "model/pipeline.skops"
#: The estimator of a pipeline as ONNX, where onnxruntime answers.
ESTIMATOR = "model/model.onnx"
#: A graph that was made elsewhere.
UPLOADED = "model/uploaded.onnx"


def load_model(folder: Path) -> StandaloneModel:
    """Return the model of a bundle: digests first, then the files.

    The pipeline is opened against the fixed list of trusted types, never the one that its file declares.

    Raises
    ------
    BundleDamaged
        A file does not have its digest.
    core.errors.DomainError
        The pipeline asks for types that are not trusted.
    models_registry.runtimes.CannotRun
        The runtime cannot be built from the files.
    """
    check_digests(folder)
    described = orjson.loads((folder / DESCRIPTION).read_bytes())
    signature = Signature.from_dict(orjson.loads((folder / SIGNATURE).read_bytes()))
    return StandaloneModel(
        name=described["name"],
        version_number=described["version"]["number"],
        described=described["version"],
        signature=signature,
        runtime=_runtime(folder, described, signature),
        runtime_name=described["runtime"],
        most_bytes=int(os.environ.get("MAX_BODY_BYTES") or described["limits"]["body_bytes"]),
        most_rows=int(os.environ.get("MAX_ROWS") or described["limits"]["rows"]),
        threshold=described["threshold"],
    )


def _runtime(folder: Path, described: Mapping[str, Any], signature: Signature) -> Runtime:
    if described["binding"] is not None:
        binding = Binding.from_dict(described["binding"])
        return UploadedRuntime(signature, (folder / UPLOADED).read_bytes(), binding)
    onnx = folder / ESTIMATOR
    return load_runtime(
        name=described["runtime"],
        pipeline=load_pipeline((folder / PIPELINE).read_bytes()),
        onnx=onnx.read_bytes() if onnx.exists() else None,
        signature=signature,
    )
