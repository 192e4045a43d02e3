"""A threshold as it is kept with a version, and the decisions that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models_registry.signatures import Signature

if TYPE_CHECKING:
    from models_registry.runtimes import Scores

#: What decides between two classes where nothing else was said.
EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Decision:
    """A threshold, where it comes from and what it did.

    Attributes
    ----------
    rule
        The rule that it was chosen by.
    chosen_on, held_out
        What it does on the rows that it was chosen on, and on others (:class:`~.choosing.Quality` as a mapping).
    """

    threshold: float
    rule: Mapping[str, Any]
    chosen_on: Mapping[str, Any] = field(default_factory=dict)
    held_out: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-compatible values."""
        return {
            "threshold": self.threshold,
            "rule": dict(self.rule),
            "chosen_on": dict(self.chosen_on),
            "held_out": dict(self.held_out),
        }


def scores_to_decide(signature: Signature, scores: Scores) -> npt.NDArray[np.float64] | None:
    """Return what a threshold is held against, shape (n,); None where the model has no such answer.

    Of two classes the probability of the second one, of anomalies the score.
    """
    if signature.task == "anomaly":
        return np.asarray(scores.labels, dtype=np.float64)
    if signature.classes is None or len(signature.classes) != 2 or scores.probabilities is None:
        return None
    return scores.probabilities[:, 1]


def decided(signature: Signature, scores: Scores, threshold: float) -> list[Any]:
    """Return n decisions: one of two classes, or whether a row is an anomaly.

    Raises
    ------
    ValueError
        The model's answers cannot be decided by a threshold.
    """
    values = scores_to_decide(signature, scores)
    if values is None:
        raise ValueError("neither two classes nor anomalies")
    flags: list[bool] = (values >= threshold).tolist()
    if signature.classes is None:
        return flags
    negative, positive = signature.classes
    return [positive if flag else negative for flag in flags]
