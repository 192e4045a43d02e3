"""Linear models as one matrix product in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True, slots=True)
class TextTerms:
    """What a text column adds: row ``codes[value]`` of a table, the last row when the value is not known.

    Attributes
    ----------
    source
        The column's place among the text inputs.
    table
        Shape (known values + 1, outputs).
    """

    source: int
    codes: Mapping[str, int]
    table: FloatArray


@dataclass(frozen=True, slots=True)
class AffineMap:
    """A linear model with its preparation: scaling and coefficients folded into one map.

    With ``z = (x - mean) / scale`` and the model ``z·w + b`` the map is ``x·(w / scale) + b - mean·(w / scale)``.

    Attributes
    ----------
    bias
        What is added for every row, shape (outputs,).
    weights
        Shape (numeric inputs, outputs).
    fill
        What stands for missing numbers, shape (numeric inputs,).
    """

    bias: FloatArray
    weights: FloatArray
    fill: FloatArray
    tables: tuple[TextTerms, ...]

    @classmethod
    def of(cls, pipeline: Pipeline, signature: Signature) -> AffineMap:
        """Fold a fitted pipeline.

        Raises
        ------
        CannotRun
            Its model is not linear, or its preparation is not known.
        """
        from sklearn.linear_model import LogisticRegression, Ridge

        model = pipeline[-1]
        if not isinstance(model, LogisticRegression | Ridge):
            raise CannotRun(f"a {type(model).__name__} is not linear")
        preparation = Preparation.of(pipeline[0], signature)
        weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
        outputs = weights.shape[1]
        bias = np.zeros(outputs) + np.asarray(model.intercept_, dtype=np.float64)
        folded = np.zeros((len(signature.numeric), outputs))
        fill = np.zeros(len(signature.numeric))
        for block in preparation.numeric:
            part = weights[block.target]
            if block.scale is not None:
                part = part / block.scale[:, None]
            if block.mean is not None:
                bias = bias - block.mean @ part
            folded[block.sources] = part
            if block.fill is not None:
                fill[block.sources] = block.fill
        tables = tuple(
            TextTerms(
                piece.source, piece.codes, piece.table.astype(np.float64) @ weights[piece.target]
            )
            for piece in preparation.text
        )
        return cls(bias, folded, fill, tables)


class LinearRuntime:
    """An affine map; a class's probability is the logistic function of it (two classes) or the softmax (more)."""

    name = "linear"

    def __init__(self, folded: AffineMap, signature: Signature) -> None:
        self.map = folded
        self._signature = signature
        self._bias = folded.bias
        self._weights = folded.weights
        self._fill = folded.fill
        self._tables = tuple((one.source, one.codes, one.table) for one in folded.tables)
        self._of_one = _OneRow(folded) if len(folded.bias) == 1 else None

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
        if columns.row_count == 1 and self._of_one is not None:
            value = self._of_one.decision(columns)
            if value == value:
                return self._score_of(value)
        decision = self._decision(columns)
        if self._signature.task == "regression":
            return scores_of_values(decision[:, 0])
        if decision.shape[1] == 1:
            both = np.empty((len(decision), 2))
            both[:, 1] = positive = _logistic(decision[:, 0])
            np.subtract(1.0, positive, out=both[:, 0])
            return scores_of_probabilities(self._signature, both)
        shifted = np.exp(decision - decision.max(axis=1, keepdims=True))
        return scores_of_probabilities(
            self._signature, shifted / shifted.sum(axis=1, keepdims=True)
        )

    def _score_of(self, decision: float) -> Scores:
        """Return the answer for one row."""
        classes = self._signature.classes
        if classes is None:
            return Scores([decision], None)
        positive = _logistic_of_one(decision)
        negative = 1.0 - positive
        # Of two that are equally probable the first is taken.
        return Scores([classes[positive > negative]], np.array(((negative, positive),)))


class _OneRow:
    """The same map for one row and one output: without the loops of arrays, which cost more than the sum."""

    def __init__(self, folded: AffineMap) -> None:
        self._weights = np.ascontiguousarray(folded.weights[:, 0])
        self._bias = float(folded.bias[0])
        self._terms = [
            (
                one.source,
                {value: float(one.table[row, 0]) for value, row in one.codes.items()},
                float(one.table[-1, 0]),
            )
            for one in folded.tables
        ]

    def decision(self, columns: Columns) -> float:
        """Return what the map gives for the row; NaN when one of its numbers is missing."""
        numbers = columns.numeric.astype(_SINGLE).astype(_DOUBLE)
        found: float = numbers.dot(self._weights).item() + self._bias
        for source, terms, unknown in self._terms:
            found += terms.get(columns.text[source][0], unknown)
        return found


def _logistic_of_one(value: float) -> float:
    if value >= 0.0:
        return 1.0 / (1.0 + math.exp(-value))
    small = math.exp(value)
    return small / (1.0 + small)


def _logistic(values: FloatArray) -> FloatArray | float:
    """Return ``1 / (1 + exp(-x))`` without an overflow, whatever x is."""
    if len(values) == 1:
        return _logistic_of_one(float(values[0]))
    found: FloatArray = np.exp(-np.logaddexp(0.0, -values))
    return found
