"""What every runtime gives back."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models_registry.signatures import Columns, Signature

FloatArray = npt.NDArray[np.float64]


class CannotRun(Exception):
    """The runtime does not know how to compute this kind of pipeline."""


class Scores(NamedTuple):
    """The answers for n rows.

    Attributes
    ----------
    labels
        The predicted classes (a classifier) or values (a regressor), n plain Python values.
    probabilities
        Shape (n, number of classes), in the order of ``Signature.classes``; None for a regressor.
    """

    labels: list[Any]
    probabilities: FloatArray | None

    @property
    def scores(self) -> FloatArray:
        """The numbers behind the answers: probabilities, or values of shape (n, 1)."""
        if self.probabilities is not None:
            return self.probabilities
        return np.asarray(self.labels, dtype=np.float64).reshape(-1, 1)


class Runtime(Protocol):
    """A way to compute answers; safe to call from several threads."""

    @property
    def name(self) -> str:
        """The name that is stored with the version."""

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""


def scores_of_probabilities(signature: Signature, probabilities: FloatArray) -> Scores:
    """Return the most probable class of each row with the probabilities."""
    classes = signature.classes or ()
    best = probabilities.argmax(axis=1).tolist()
    # Boosting gives its columns one after the other; the codecs write rows.
    return Scores([classes[index] for index in best], np.ascontiguousarray(probabilities))


def scores_of_values(values: FloatArray) -> Scores:
    """Return a regressor's values (shape (n,)) as answers."""
    return Scores(values.tolist(), None)


def no_scores(signature: Signature) -> Scores:
    """Return the answers for no rows."""
    if signature.classes is None:
        return Scores([], None)
    return Scores([], np.empty((0, len(signature.classes))))
