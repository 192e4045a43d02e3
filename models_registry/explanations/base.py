"""What all ways to explain have in common.

All of them divide the same sum. With a row x, reference rows r and a set S of inputs let

    v(S) = mean over r of f(x on S, r elsewhere)

where f is what the model computes. An input's contribution is its Shapley value in this game (Lundberg and Lee,
2017, "A unified approach to interpreting model predictions"; *interventional*, since inputs are replaced without
regard to each other). So contributions add up to ``f(x) - baseline``, and the baseline is the mean of f over the
reference rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from models_registry.runtimes import Scores
from models_registry.signatures import Columns, Signature

FloatArray = npt.NDArray[np.float64]

Quantity = Literal["margin", "probability", "value"]
"""What is divided: a class's score before the logistic function or softmax, its probability, or a number."""


class CannotExplain(Exception):
    """A way of explaining does not know the model."""


class Explainer(Protocol):
    """One way to compute contributions; safe to call from several threads."""

    @property
    def method(self) -> str:
        """``linear``, ``trees`` or ``permutation``."""

    @property
    def quantity(self) -> Quantity:
        """What is divided."""

    @property
    def is_exact(self) -> bool:
        """Whether the Shapley values are computed, not estimated; they add up either way."""

    @property
    def reference_rows(self) -> int:
        """Number of rows that a row is compared with."""

    @property
    def evaluations_per_row(self) -> int:
        """How often the model answers, at most, to explain a row; 0 where its parameters say all."""

    @property
    def baseline(self) -> FloatArray:
        """The mean over the reference rows, shape (outputs,)."""

    def contributions(self, columns: Columns) -> FloatArray:
        """Return the contributions for n rows, shape (n, inputs, outputs)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a row got its answer.

    Attributes
    ----------
    label
        The class that is spoken of: of two the second, of more the one that was predicted; None for a number.
    baseline, output
        The quantity on average over the reference rows, and of this row.
    contributions
        By input, in the order of the signature; they add up to ``output - baseline``.
    """

    label: Any
    baseline: float
    output: float
    contributions: dict[str, float]


def explain_rows(
    explainer: Explainer, signature: Signature, columns: Columns, labels: Sequence[Any]
) -> list[Explanation]:
    """Return an explanation for each row.

    Parameters
    ----------
    labels
        What the model answered for the rows: of several classes the predicted one is explained.
    """
    found = explainer.contributions(columns)
    baseline = explainer.baseline
    names = signature.names
    explanations = []
    for row, label in enumerate(labels):
        spoken, output = _spoken_of(signature, label, len(baseline))
        given = found[row, :, output]
        explanations.append(
            Explanation(
                label=spoken,
                baseline=float(baseline[output]),
                output=float(baseline[output] + given.sum()),
                contributions=dict(zip(names, given.tolist(), strict=True)),
            )
        )
    return explanations


def _spoken_of(signature: Signature, label: Any, outputs: int) -> tuple[Any, int]:
    """Return the class that is explained, and its place among the outputs."""
    classes = signature.classes
    if classes is None:
        return None, 0
    if len(classes) == 2:
        return classes[1], outputs - 1
    return label, classes.index(label)


def as_scores(quantity: Quantity, values: FloatArray) -> FloatArray:
    """Return values of shape (n, outputs) as :attr:`Scores.scores` would show them."""
    if quantity != "margin":
        return values
    if values.shape[1] == 1:
        positive = np.exp(-np.logaddexp(0.0, -values))
        return np.hstack([1.0 - positive, positive])
    shifted = np.exp(values - values.max(axis=1, keepdims=True))
    shares: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return shares


def largest_gap(explainer: Explainer, columns: Columns, scores: Scores) -> float:
    """Return by how much baseline and contributions miss the model's own scores; values relatively."""
    added = explainer.baseline + explainer.contributions(columns).sum(axis=1)
    gap = np.abs(as_scores(explainer.quantity, added) - scores.scores)
    if scores.probabilities is None:
        gap = gap / np.maximum(1.0, np.abs(scores.scores))
    return float(np.nan_to_num(gap, nan=np.inf).max(initial=0.0))
