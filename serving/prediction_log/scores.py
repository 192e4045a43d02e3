"""Scores in JSON: written once, for the answer and for the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from models_registry.runtimes import Scores


class WrittenScores(NamedTuple):
    """The answers for n rows as JSON texts.

    Attributes
    ----------
    predictions
        A list of n classes or values.
    probabilities
        A list of n lists, one probability for each class; None for a regressor.
    """

    predictions: bytes
    probabilities: bytes | None


def write_scores(scores: Scores) -> WrittenScores:
    """Return scores as texts."""
    predictions = orjson.dumps(scores.labels)
    if scores.probabilities is None:
        return WrittenScores(predictions, None)
    return WrittenScores(
        predictions, orjson.dumps(scores.probabilities, option=orjson.OPT_SERIALIZE_NUMPY)
    )
