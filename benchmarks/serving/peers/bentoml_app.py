"""BentoML's server, with its own JSON for arrays."""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1)
class Scorer:
    """Answers with probabilities."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCHMARK_MODEL"])

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return one row of probabilities for each row."""
        probabilities: np.ndarray = self.model.predict_proba(rows.astype(np.float32))
        return probabilities
