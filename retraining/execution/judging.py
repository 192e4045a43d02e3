"""Letting champion and challenger answer the same rows, in the runtimes that serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from models_registry.artifacts import load_pipeline
from models_registry.models import Task
from models_registry.runtimes import Runtime
from models_registry.runtimes.choice import load_runtime
from models_registry.signatures import Signature, columns_from_frame
from retraining.champion_challenger import error_scale
from retraining.champion_challenger.contest import Answers, Contest, classify, regress
from training.execution import FittedVersion


def challenger_runtime(fitted: FittedVersion) -> Runtime:
    """Load the runtime in which a fitted version would answer in production."""
    return load_runtime(
        name=fitted.outcome.runtime,
        pipeline=load_pipeline(fitted.outcome.artifact),
        onnx=fitted.outcome.onnx,
        signature=fitted.signature,
    )


def answers(runtime: Runtime, signature: Signature, rows: pa.Table) -> Answers:
    """Return what a runtime says about rows."""
    scores = runtime.predict(columns_from_frame(signature, rows.to_pandas()))
    return Answers(
        predictions=scores.labels,
        probabilities=scores.probabilities,
        classes=signature.classes or (),
    )


def meet(
    *,
    champion: Runtime,
    champion_signature: Signature,
    challenger: Runtime,
    challenger_signature: Signature,
    newest: pa.Table,
    older: pa.Table,
    target: str,
) -> Contest:
    """Let both models answer the rows that were kept back.

    Parameters
    ----------
    newest
        In the order in which the labels arrived; neither model has learned from them.
    older
        Labelled rows from before; the unit of a regressor's errors is taken from them.
    """
    labels = _values(newest, target)
    ours = answers(champion, champion_signature, newest)
    theirs = answers(challenger, challenger_signature, newest)
    if champion_signature.task == Task.CLASSIFICATION.value:
        return classify(labels, ours, theirs)
    known = answers(champion, champion_signature, older).predictions
    errors = [
        float(predicted) - float(true)  # type: ignore[arg-type]
        for predicted, true in zip(known, _values(older, target), strict=True)
    ]
    return regress(labels, ours, theirs, scale=error_scale(errors))


def _values(table: pa.Table, column: str) -> Sequence[Any]:
    values: list[Any] = table.column(column).to_pylist()
    return values
