"""A version's verified files as the runtime in which it answers: one way, for all who ask it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from core.blobs import BlobStore, default_store
from models_registry.explanations import CannotExplain, Explainer
from models_registry.models import ModelVersion
from models_registry.runtimes import Runtime
from models_registry.runtimes.plans import runtime_of_plan
from models_registry.runtimes.uploaded import Binding, UploadedRuntime
from models_registry.signatures import Signature, columns_from_frame

if TYPE_CHECKING:
    import pandas as pd


def load_version(
    version: ModelVersion, store: BlobStore | None = None, *, threads_for_many: int = 1
) -> Runtime:
    """Return the runtime that was chosen for a version, built from its stored files.

    Parameters
    ----------
    threads_for_many
        How many threads compute a request of many rows, where the runtime can use them.

    Raises
    ------
    core.errors.DomainError
        A file is missing, damaged or not trusted.
    models_registry.runtimes.CannotRun
        The runtime cannot be built from the files.
    """
    files = store or default_store()
    signature = Signature.from_dict(version.signature)
    if version.is_uploaded:
        binding = Binding.from_dict(version.upload["binding"])
        return UploadedRuntime(signature, files.read(version.artifact_digest), binding)
    onnx = files.read(version.onnx_digest) if version.onnx_digest else None
    if version.plan_digest:
        plan = files.read(version.plan_digest)
        return runtime_of_plan(plan, signature, onnx, threads_for_many=threads_for_many)
    # Only here scikit-learn is needed.
    from models_registry.artifacts import load_pipeline
    from models_registry.runtimes.choice import load_runtime

    return load_runtime(
        name=version.runtime,
        pipeline=load_pipeline(files.read(version.artifact_digest)),
        onnx=onnx,
        signature=signature,
        threads_for_many=threads_for_many,
    )


def reference_frame(version: ModelVersion, store: BlobStore | None = None) -> pd.DataFrame:
    """Return the training reference rows of a version (features, target and predictions).

    Raises
    ------
    core.errors.DomainError
        The file is missing or damaged.
    """
    import pyarrow.parquet as pq

    data = (store or default_store()).read(version.reference_digest)
    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame


def load_explainer(
    version: ModelVersion, runtime: Runtime, store: BlobStore | None = None
) -> Explainer:
    """Return how a version's answers are explained, against a sample of its reference rows.

    Parameters
    ----------
    runtime
        In which the version answers.

    Raises
    ------
    CannotExplain
        The version has no reference rows.
    core.errors.DomainError
        A file is missing, damaged or not trusted.
    """
    from models_registry.artifacts import load_pipeline
    from models_registry.explanations.choice import choose_explainer, reference_sample

    if not version.reference_digest:
        raise CannotExplain("there is no reference row")
    files = store or default_store()
    signature = Signature.from_dict(version.signature)
    reference = columns_from_frame(signature, reference_frame(version, files))
    pipeline = None
    if not version.is_uploaded:
        pipeline = load_pipeline(files.read(version.artifact_digest))
    return choose_explainer(pipeline, signature, runtime, reference_sample(reference)).explainer
