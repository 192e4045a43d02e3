"""Measuring: numbers with their circumstances, and no opinion on whether they are good enough."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from sklearn.pipeline import Pipeline

from models_registry.gates.measurements import Difference
from models_registry.runtimes import Scores
from models_registry.runtimes.proof import compare
from models_registry.signatures import Columns, Signature


def measure_difference(expected: Callable[[], Scores], found: Callable[[], Scores]) -> Difference:
    """Compute the same answers in two ways and compare them.

    Whatever a model raises meanwhile becomes the obstacle: a model that fails has failed its gate.
    """
    try:
        agreement = compare(expected(), found())
    except Exception as error:  # noqa: BLE001 - a foreign model may fail in any way; that is a finding
        text = str(error) or type(error).__name__
        return Difference(None, obstacle=f"the answers could not be computed: {text}"[:400])
    if agreement.rows == 0:
        return Difference(None, obstacle="there were no rows to compare")
    if not math.isfinite(agreement.largest_difference):
        return Difference(
            None, agreement.label_mismatches, agreement.rows, "a score is not a number"
        )
    return Difference(agreement.largest_difference, agreement.label_mismatches, agreement.rows)


def own_answers(pipeline: Pipeline, signature: Signature, columns: Columns) -> Scores:
    """Return what the pipeline itself answers, with the classes in the signature's order.

    This asks the pipeline for its labels and goes by its own names of the classes, so a signature
    that lists them in another order shows as a difference.
    """
    frame = columns.to_frame()
    if signature.task == "anomaly":
        return Scores((-np.asarray(pipeline.score_samples(frame), np.float64)).tolist(), None)
    answers = np.asarray(pipeline.predict(frame))
    if signature.task != "classification":
        return Scores(answers.astype(np.float64).tolist(), None)
    probabilities = np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
    named = list(signature.classes or ())
    known = np.asarray(pipeline.classes_).tolist()
    if set(known) != set(named):  # it was fitted on the positions of the classes
        return Scores([named[known.index(answer)] for answer in answers.tolist()], probabilities)
    order = [known.index(label) for label in named]
    return Scores(answers.tolist(), probabilities[:, order])
