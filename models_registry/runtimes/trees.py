"""Forests as an exact loop over their fitted trees."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline

from models_registry.runtimes.base import (
    CannotRun,
    Scores,
    scores_of_probabilities,
    scores_of_values,
)
from models_registry.runtimes.preparation import Preparation
from models_registry.signatures import Columns, Signature


class TreeRuntime:
    """The mean of the trees' leaves, without the checks that scikit-learn repeats for each tree."""

    name = "trees"

    def __init__(self, pipeline: Pipeline, signature: Signature) -> None:
        model = pipeline[-1]
        if not isinstance(model, RandomForestClassifier | RandomForestRegressor):
            raise CannotRun(f"a {type(model).__name__} is not a forest")
        self._signature = signature
        self._preparation = Preparation.of(pipeline[0], signature)
        self._trees = [fitted.tree_ for fitted in model.estimators_]

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        prepared = self._preparation.apply(columns)
        first, *others = self._trees
        total = first.predict(prepared).astype(np.float64)
        for tree in others:
            total += tree.predict(prepared)
        total /= len(self._trees)
        if self._signature.task == "regression":
            return scores_of_values(total.reshape(-1))
        return scores_of_probabilities(self._signature, total / total.sum(axis=1, keepdims=True))
