"""Linear models as one matrix product in float64."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline

from models_registry.runtimes.base import (
    CannotRun,
    FloatArray,
    Scores,
    scores_of_probabilities,
    scores_of_values,
)
from models_registry.runtimes.preparation import Preparation
from models_registry.signatures import Columns, Signature
from models_registry.signatures.magnitudes import has_nan


class LinearRuntime:
    """Scaling and coefficients folded into one affine map; text columns into look-up tables.

    With ``z = (x - mean) / scale`` and the model ``z·w + b`` the map is ``x·(w / scale) + b - mean·(w / scale)``.
    A class's probability is the logistic function of it (two classes) or the softmax (more).
    """

    name = "linear"

    def __init__(self, pipeline: Pipeline, signature: Signature) -> None:
        model = pipeline[-1]
        if not isinstance(model, LogisticRegression | Ridge):
            raise CannotRun(f"a {type(model).__name__} is not linear")
        self._signature = signature
        preparation = Preparation.of(pipeline[0], signature)
        weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
        outputs = weights.shape[1]
        self._bias = np.zeros(outputs) + np.asarray(model.intercept_, dtype=np.float64)
        self._weights = np.zeros((len(signature.numeric), outputs))
        self._fill = np.zeros(len(signature.numeric))
        for block in preparation.numeric:
            part = weights[block.target]
            if block.scale is not None:
                part = part / block.scale[:, None]
            if block.mean is not None:
                self._bias = self._bias - block.mean @ part
            self._weights[block.sources] = part
            if block.fill is not None:
                self._fill[block.sources] = block.fill
        self._tables = tuple(
            (piece.source, piece.codes, piece.table.astype(np.float64) @ weights[piece.target])
            for piece in preparation.text
        )

    @property
    def bias(self) -> FloatArray:
        """What is added for every row, shape (outputs,)."""
        return self._bias

    def terms(self, columns: Columns) -> FloatArray:
        """Return what each input adds to the decision of n rows, shape (n, inputs, outputs)."""
        found = np.zeros((columns.row_count, len(self._signature.inputs), len(self._bias)))
        fields = self._signature.inputs
        numeric = np.flatnonzero([field.is_numeric for field in fields])
        text = np.flatnonzero([not field.is_numeric for field in fields])
        found[:, numeric] = self._values(columns)[:, :, None] * self._weights
        for source, codes, table in self._tables:
            unknown = len(table) - 1
            rows = [codes.get(value, unknown) for value in columns.text[source]]
            found[:, text[source]] += table[rows]
        return found

    def _values(self, columns: Columns) -> FloatArray:
        values = columns.numeric.astype(np.float32).astype(np.float64)
        if has_nan(values):
            values = np.where(np.isnan(values), self._fill, values)
        return values

    def _decision(self, columns: Columns) -> FloatArray:
        decision: FloatArray = self._values(columns) @ self._weights + self._bias
        for source, codes, table in self._tables:
            unknown = len(table) - 1
            decision += table[[codes.get(value, unknown) for value in columns.text[source]]]
        return decision

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        decision = self._decision(columns)
        if self._signature.task == "regression":
            return scores_of_values(decision[:, 0])
        if decision.shape[1] == 1:
            both = np.empty((len(decision), 2))
            positive = expit(decision[:, 0], out=both[:, 1])
            np.subtract(1.0, positive, out=both[:, 0])
            return scores_of_probabilities(self._signature, both)
        shifted = np.exp(decision - decision.max(axis=1, keepdims=True))
        return scores_of_probabilities(
            self._signature, shifted / shifted.sum(axis=1, keepdims=True)
        )
