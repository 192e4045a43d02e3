"""A version's verified files as the runtime in which it answers: one way, for all who ask it."""

from __future__ import annotations

from core.blobs import BlobStore, default_store
from models_registry.artifacts import load_pipeline
from models_registry.models import ModelVersion
from models_registry.runtimes import Binding, Runtime, UploadedRuntime, load_runtime
from models_registry.signatures import Signature


def load_version(version: ModelVersion, store: BlobStore | None = None) -> Runtime:
    """Return the runtime that was chosen for a version, built from its stored files.

    Raises
    ------
    core.errors.DomainError
        A file is missing, damaged or not trusted.
    models_registry.runtimes.CannotRun
        The runtime cannot be built from the files.
    """
    files = store or default_store()
    artifact = files.read(version.artifact_digest)
    signature = Signature.from_dict(version.signature)
    if version.is_uploaded:
        binding = Binding.from_dict(version.upload["binding"])
        return UploadedRuntime(signature, artifact, binding)
    return load_runtime(
        name=version.runtime,
        pipeline=load_pipeline(artifact),
        onnx=files.read(version.onnx_digest) if version.onnx_digest else None,
        signature=signature,
    )
