"""scikit-learn itself: the runtime that the others are measured against."""

from __future__ import annotations

import threading

import numpy as np
from sklearn.pipeline import Pipeline

from models_registry.runtimes.base import (
    Scores,
    no_scores,
    scores_of_probabilities,
    scores_of_values,
)
from models_registry.signatures import Columns, Signature


class NativeRuntime:
    """Ask the fitted pipeline."""

    name = "native"

    def __init__(self, pipeline: Pipeline, signature: Signature) -> None:
        self._pipeline = pipeline
        self._signature = signature
        self._lock = threading.Lock()

    def predict(self, columns: Columns) -> Scores:
        """Return the pipeline's answers for these rows; scikit-learn itself refuses to answer none."""
        if columns.row_count == 0:
            return no_scores(self._signature)
        frame = columns.to_frame()
        with self._lock:
            if self._signature.task == "classification":
                probabilities = np.asarray(self._pipeline.predict_proba(frame), dtype=np.float64)
                return scores_of_probabilities(self._signature, probabilities)
            if self._signature.task == "anomaly":
                scores = np.asarray(self._pipeline.score_samples(frame), dtype=np.float64)
                return scores_of_values(-scores)  # scikit-learn's are high for what is usual
            return scores_of_values(np.asarray(self._pipeline.predict(frame), dtype=np.float64))
