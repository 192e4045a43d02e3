"""Versions that are registered, judged and promoted through the services; fitted once for all tests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from accounts.policy import Permission
from accounts.principals import Principal
from core.blobs import default_store
from models_registry import services
from models_registry.evaluation import reference_table
from models_registry.models import ModelVersion
from models_registry.runtimes.choice import load_runtime
from models_registry.runtimes.native import NativeRuntime
from serving.routing.routes import LoadedModel
from tests.models_registry.fitting import TRAINED, Kind, fit, frame_of, validated

MODEL = "churn"
#: A row that fits the signature of all versions that are made here.
ROW: dict[str, Any] = {
    "size": 51.5,
    "weight": 7.25,
    "age": 44,
    "is_member": True,
    "region": "north",
    "colour": None,
}


def stored_reference(estimator: str, kind: Kind) -> str:
    """Store the rows that a model was not fitted on, as training does, and return the file's digest."""
    one = fit(estimator, kind)
    frame = frame_of().iloc[TRAINED:].reset_index(drop=True)
    scores = NativeRuntime(one.pipeline, one.signature).predict(one.held_out)
    table = reference_table(frame, [(np.arange(len(frame)), scores)], seed=1)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return default_store().put_bytes(buffer.getvalue()).digest


def register(
    principal: Principal,
    estimator: str = "logistic",
    kind: Kind = "binary",
    model: str = MODEL,
    *,
    with_reference: bool = False,
) -> ModelVersion:
    """Register and judge a version of the model."""
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    principal.require(Permission.ADMIN)
    store = default_store()
    task = one.signature.task
    version = services.register_version(
        principal=principal,
        model=services.get_or_create_model(principal=principal, name=model, task=task),
        run=None,
        dataset_version=None,
        artifact=services.VersionArtifact(
            task=task,
            estimator=estimator,
            signature=one.signature.to_dict(),
            artifact_digest=store.put_bytes(outcome.artifact).digest,
            artifact_size_bytes=len(outcome.artifact),
            onnx_digest=store.put_bytes(outcome.onnx).digest if outcome.onnx else "",
            runtime=outcome.runtime,
            runtime_report=outcome.runtime_report,
            reference_digest=stored_reference(estimator, kind) if with_reference else "",
            metrics=outcome.measurements.metrics,
            baseline_metrics=outcome.measurements.baseline_metrics,
            seed=5,
        ),
    )
    judged = services.record_validation(
        principal=principal, version=version, measurements=outcome.measurements
    )
    if judged.validation != "passed":
        judged = services.waive(principal=principal, version=judged, reason="good enough to ask")
    return judged


def promoted(
    principal: Principal, estimator: str = "logistic", kind: Kind = "binary", model: str = MODEL
) -> ModelVersion:
    """Register a version and make it champion."""
    version = register(principal, estimator, kind, model)
    services.promote(principal=principal, version=version, reason=f"{estimator} it is")
    return version


def in_memory(estimator: str = "logistic", kind: Kind = "binary") -> LoadedModel:
    """Return a model without any database."""
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    runtime = load_runtime(
        name=outcome.runtime,
        pipeline=one.pipeline,
        onnx=outcome.onnx,
        signature=one.signature,
    )
    return LoadedModel(one.signature, runtime)
