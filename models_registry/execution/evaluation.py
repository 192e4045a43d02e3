"""The job that runs the gates of a registered version again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.blobs import BlobCorrupt, BlobMissing, BlobStore, default_store
from core.errors import DomainError, NotFound
from jobs.execution import Conclude, JobContext
from jobs.models import Job
from models_registry.artifacts import (
    ArtifactUnreadable,
    UntrustedArtifact,
    dump_pipeline,
    load_pipeline,
)
from models_registry.execution.validation import PARITY_ROWS
from models_registry.gates import Difference, Measurements
from models_registry.gates.measuring import measure_difference, own_answers
from models_registry.loading import load_version, reference_frame
from models_registry.models import ModelVersion
from models_registry.recording import record_validation, restore_validation
from models_registry.runtimes import CannotRun
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import through_the_wire
from models_registry.signatures import Signature, columns_from_frame
from models_registry.uploads.measuring import differences, trial_rows


def evaluate(context: JobContext) -> Conclude:
    """Measure a stored version again and judge it by the gates as they are now.

    The version is loaded from its stored files and scores the stored reference rows in the runtime
    that was chosen for it. Files that are damaged or missing fail their gates; they do not fail the
    job.

    Job arguments: ``model_version`` (id). Result: ``model_version`` and ``validation``.
    """
    version = (
        ModelVersion.objects.select_related("model")
        .filter(
            pk=context.arguments["model_version"],
            model__project_id=context.principal.project_id,
        )
        .first()
    )
    if version is None:
        raise NotFound("There is no such model version.")
    context.progress(0.1, "loading")
    try:
        wire, reload = _differences(version, default_store(), context)
    except (BlobCorrupt, BlobMissing, ArtifactUnreadable, UntrustedArtifact) as error:
        context.log(f"The files of {version} cannot be used: {error.message}")
        wire = reload = _unusable(error)
    context.progress(0.9, "judging")
    measurements = Measurements(
        metrics=version.metrics, baseline_metrics=version.baseline_metrics, wire=wire, reload=reload
    )

    def conclude() -> Mapping[str, Any]:
        judged = record_validation(
            principal=context.principal, version=version, measurements=measurements
        )
        return {"model_version": judged.pk, "validation": judged.validation}

    return conclude


def evaluate_failed(job: Job) -> None:
    """Let the version say again what its gates said before."""
    restore_validation(job.arguments["model_version"])


def _differences(
    version: ModelVersion, store: BlobStore, context: JobContext
) -> tuple[Difference, Difference]:
    """Return how far the runtime behind the wire and a copy are from the model itself."""
    if version.is_uploaded:
        return _differences_of_upload(version, store)
    pipeline = load_pipeline(store.read(version.artifact_digest))
    signature = Signature.from_dict(version.signature)
    frame = reference_frame(version).head(PARITY_ROWS)
    rows = columns_from_frame(signature, frame)
    context.progress(0.4, "comparing answers")
    native = NativeRuntime(pipeline, signature)
    reload = measure_difference(
        lambda: native.predict(rows),
        lambda: NativeRuntime(load_pipeline(dump_pipeline(pipeline)), signature).predict(rows),
    )
    try:
        runtime = load_version(version, store)
    except CannotRun as error:
        return Difference(None, obstacle=f"its runtime cannot be loaded: {error}"[:400]), reload
    wire = measure_difference(
        lambda: own_answers(pipeline, signature, rows),
        lambda: runtime.predict(through_the_wire(rows)),
    )
    return wire, reload


def _differences_of_upload(
    version: ModelVersion, store: BlobStore
) -> tuple[Difference, Difference]:
    signature = Signature.from_dict(version.signature)
    rows = (
        columns_from_frame(signature, reference_frame(version).head(PARITY_ROWS))
        if version.reference_digest
        else trial_rows(signature, np.random.default_rng(version.seed))
    )
    return differences(load_version(version, store), lambda: load_version(version, store), rows)


def _unusable(error: DomainError) -> Difference:
    return Difference(None, obstacle=error.message[:400])
