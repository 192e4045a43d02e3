"""Measuring what the gates look at, outside any transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from models_registry.artifacts import dump_pipeline, load_pipeline
from models_registry.explanations.choice import choose_explainer, reference_sample
from models_registry.gates import Measurements
from models_registry.gates.measuring import measure_difference, own_answers
from models_registry.runtimes.choice import choose_runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.plans import plan_of, runtime_of_plan
from models_registry.runtimes.proof import through_the_wire
from models_registry.signatures import Columns, Signature

#: Rows that are compared; more would take longer and show little more.
PARITY_ROWS = 500


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted model before it is registered.

    Attributes
    ----------
    held_out
        Rows that the model was not fitted on.
    metrics, baseline_metrics
        Of the model and of a naive model on the held-out rows.
    """

    pipeline: Pipeline
    signature: Signature
    held_out: Columns
    metrics: Mapping[str, float | None]
    baseline_metrics: Mapping[str, float | None]
    seed: int


@dataclass(frozen=True, slots=True)
class ValidationOutcome:
    """What was measured, with the files that were made on the way.

    Attributes
    ----------
    plan
        What the runtime computes with (:mod:`models_registry.runtimes.plans`); None where it has none.
    """

    artifact: bytes
    onnx: bytes | None
    plan: bytes | None
    runtime: str
    runtime_report: dict[str, Any]
    measurements: Measurements


def validate(candidate: Candidate) -> ValidationOutcome:
    """Store the pipeline, load it again, choose a runtime and a way to explain, and measure what the gates look at.

    The chosen runtime is built on the pipeline that was *loaded* (from its plan, where it has one), and its rows
    come through the wire: what is compared with the freshly fitted pipeline is what production will do.
    """
    artifact = dump_pipeline(candidate.pipeline)
    loaded = load_pipeline(artifact)
    signature = candidate.signature
    rows = candidate.held_out.take(slice(0, PARITY_ROWS))
    choice = choose_runtime(loaded, signature, rows, np.random.default_rng(candidate.seed))
    plan = plan_of(choice.runtime)
    served = choice.runtime
    if plan is not None:
        served = runtime_of_plan(plan, signature, choice.onnx)
    explanation = choose_explainer(loaded, signature, served, reference_sample(rows)).report
    native = NativeRuntime(candidate.pipeline, signature)
    return ValidationOutcome(
        artifact=artifact,
        onnx=choice.onnx,
        plan=plan,
        runtime=choice.name,
        runtime_report={**choice.report, "explanation": explanation},
        measurements=Measurements(
            metrics=candidate.metrics,
            baseline_metrics=candidate.baseline_metrics,
            wire=measure_difference(
                lambda: own_answers(candidate.pipeline, signature, rows),
                lambda: served.predict(through_the_wire(rows)),
            ),
            reload=measure_difference(
                lambda: native.predict(rows),
                lambda: NativeRuntime(loaded, signature).predict(rows),
            ),
        ),
    )
