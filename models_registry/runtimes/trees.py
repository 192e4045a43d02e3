"""Forests and single trees as an exact loop over what was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from models_registry.runtimes.base import (
    CannotRun,
    Scores,
    no_scores,
    scores_of_probabilities,
    scores_of_values,
)
from models_registry.runtimes.preparation import Preparation
from models_registry.signatures import Columns, Signature

_FORESTS = (
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)
_TREES = (DecisionTreeClassifier, DecisionTreeRegressor)


class TreeRuntime:
    """The mean of the trees' leaves, without the checks that scikit-learn repeats for each tree.

    Each tree is asked with one float32 array, and the answers are added in the order of the trees: the same
    operations as in scikit-learn with one thread, so the same bits, also for rows with missing numbers.
    """

    name = "trees"

    def __init__(self, pipeline: Pipeline, signature: Signature) -> None:
        self._signature = signature
        self._trees = fitted_trees(pipeline[-1])
        self._preparation = Preparation.of(pipeline[0], signature)

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        if columns.row_count == 0:
            return no_scores(self._signature)
        prepared = self._preparation.apply(columns)
        total = np.zeros((columns.row_count, self._trees[0].max_n_classes))
        for tree in self._trees:
            total += tree.predict(prepared)
        total /= len(self._trees)
        if self._signature.task == "regression":
            return scores_of_values(total[:, 0])
        return scores_of_probabilities(self._signature, total)


def fitted_trees(model: Any) -> list[Any]:
    """Return the ``tree_`` of each tree of a model with one output, in order.

    Raises
    ------
    CannotRun
        It is neither a forest nor a tree, or has several outputs.
    """
    if isinstance(model, _FORESTS):
        trees = [fitted.tree_ for fitted in model.estimators_]
    elif isinstance(model, _TREES):
        trees = [model.tree_]
    else:
        raise CannotRun(f"a {type(model).__name__} is not a forest")
    if trees[0].n_outputs != 1:
        raise CannotRun("a forest with several outputs is not known")
    return trees
