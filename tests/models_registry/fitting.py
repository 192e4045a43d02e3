"""Pipelines that are fitted once for all tests of the room.

What is returned here belongs to all tests, in whatever order they run: change nothing of it, and ask for it
while nothing is patched that fitting, validating or choosing a runtime calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from models_registry.evaluation import baseline_metrics, metrics_of
from models_registry.execution import Candidate, ValidationOutcome, validate
from models_registry.runtimes.native import NativeRuntime
from models_registry.signatures import Columns, Signature, columns_from_frame, infer_signature
from training.estimators import estimator_named, validated_params
from training.pipeline import build_pipeline

Kind = Literal["binary", "multiclass", "regression"]
ROWS = 400
TRAINED = 300
PARAMS: dict[str, dict[str, Any]] = {
    "random_forest": {"n_estimators": 6},
    "hist_gradient_boosting": {"max_iter": 8},
}


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline with rows that it has not seen."""

    pipeline: Pipeline
    signature: Signature
    held_out: Columns
    truth: Any


def frame_of(rows: int = ROWS, seed: int = 3) -> pd.DataFrame:
    """Return numbers, integers, truth values and text; two numbers and a text have holes."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 12, rows),
            "weight": rng.lognormal(2, 0.6, rows),
            "age": rng.integers(18, 90, rows),
            "is_member": rng.random(rows) < 0.4,
            "region": rng.choice(["north", "south", "east", "wäst"], rows),
            "colour": rng.choice(np.array(["red", "blue", None], dtype=object), rows),
        }
    )
    frame.loc[rng.random(rows) < 0.15, "size"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "weight"] = np.nan
    return frame


def target_of(frame: pd.DataFrame, kind: Kind) -> tuple[Any, list[Any] | None]:
    """Return the true answers and the classes; they follow from the features, with some noise."""
    rng = np.random.default_rng(11)
    score = (
        0.06 * (frame["size"].fillna(50) - 50)
        + 0.03 * (frame["age"] - 54)
        + 0.9 * (frame["region"] == "north")
        + 0.7 * frame["is_member"]
        + rng.normal(0, 0.4, len(frame))
    ).to_numpy()
    if kind == "regression":
        return 100.0 + 20.0 * score, None
    if kind == "binary":
        return np.where(score > 0.5, "yes", "no").astype(object), ["no", "yes"]
    return np.digitize(score, [-0.3, 0.9]).astype(object), [0, 1, 2]


@cache
def fit(estimator: str, kind: Kind) -> Fitted:
    """Fit an estimator of the catalogue as training does."""
    task: Any = "regression" if kind == "regression" else "classification"
    frame = frame_of()
    truth, classes = target_of(frame, kind)
    signature = infer_signature(frame, task=task, classes=classes, output_name="answer")
    columns = columns_from_frame(signature, frame)
    entry = estimator_named(estimator, task)
    pipeline = build_pipeline(
        entry,
        task=task,
        params=validated_params(entry, PARAMS.get(estimator, {})),
        seed=5,
        signature=signature,
    )
    known = truth if classes is None else np.array([classes.index(one) for one in truth])
    pipeline.fit(columns.to_frame().iloc[:TRAINED], known[:TRAINED])
    held_out = columns.take(slice(TRAINED, None))
    return Fitted(pipeline, signature, held_out, truth[TRAINED:])


@cache
def validated(estimator: str, kind: Kind) -> ValidationOutcome:
    """Validate a fitted pipeline once."""
    one = fit(estimator, kind)
    scores = NativeRuntime(one.pipeline, one.signature).predict(one.held_out)
    frame = frame_of()
    truth, classes = target_of(frame, kind)
    return validate(
        Candidate(
            pipeline=one.pipeline,
            signature=one.signature,
            held_out=one.held_out,
            metrics=metrics_of(
                truth=one.truth,
                labels=scores.labels,
                probabilities=scores.probabilities,
                classes=classes,
            ),
            baseline_metrics=baseline_metrics(
                train=truth[:TRAINED], test=one.truth, classes=classes
            ),
            seed=5,
        )
    )
