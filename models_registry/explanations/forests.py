"""Forests and boosted trees as flat arrays of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn._loss.link import IdentityLink
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from models_registry.explanations.base import CannotExplain, FloatArray, Quantity
from models_registry.runtimes import CannotRun
from models_registry.runtimes.trees import fitted_trees

Prepared = npt.NDArray[np.float32]
_BOOSTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of all trees of a model, whose output is ``offset`` plus the sum of the values of the leaves.

    Attributes
    ----------
    roots
        The first node of each tree.
    column, threshold, missing_left
        Where a row goes left: its value is at most the threshold, or is missing and missing ones go left.
    left, right
        Positions of the children; of a leaf, the leaf itself.
    values
        Shape (nodes, outputs); 0 except in leaves.
    depth
        Splits on the longest path.
    """

    roots: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    threshold: FloatArray
    missing_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.intp]
    right: npt.NDArray[np.intp]
    is_leaf: npt.NDArray[np.bool_]
    values: FloatArray
    offset: FloatArray
    depth: int
    quantity: Quantity

    @classmethod
    def of(cls, model: Any, *, is_classifier: bool) -> Nodes:
        """Return the nodes of a fitted forest, tree or histogram gradient boosting.

        Raises
        ------
        CannotExplain
            It is something else, or has splits on sets of categories.
        """
        if isinstance(model, _BOOSTED):
            return cls._of_boosted(model, is_classifier)
        try:
            trees = fitted_trees(model)
        except CannotRun as error:
            raise CannotExplain(str(error)) from error
        starts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        left = _joined([tree.children_left for tree in trees], starts)
        right = _joined([tree.children_right for tree in trees], starts)
        is_leaf = np.concatenate([tree.children_left < 0 for tree in trees])
        values = np.concatenate([tree.value[:, 0, :] for tree in trees]) / len(trees)
        own = np.arange(len(left))
        return cls(
            roots=starts,
            column=np.maximum(np.concatenate([tree.feature for tree in trees]), 0),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            missing_left=np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool),
            left=np.where(is_leaf, own, left),
            right=np.where(is_leaf, own, right),
            is_leaf=is_leaf,
            values=np.where(is_leaf[:, None], values, 0.0),
            offset=np.zeros(values.shape[1]),
            depth=max(int(tree.max_depth) for tree in trees),
            quantity="probability" if is_classifier else "value",
        )

    @classmethod
    def _of_boosted(cls, model: Any, is_classifier: bool) -> Nodes:
        offset = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
        trees = [
            (predictor.nodes, output)
            for rounds in model._predictors
            for output, predictor in enumerate(rounds)
        ]
        nodes = np.concatenate([one for one, _ in trees])
        if nodes["is_categorical"].any():
            raise CannotExplain("a split on a set of categories is not known")
        starts = np.cumsum([0, *(len(one) for one, _ in trees)])[:-1]
        is_leaf = nodes["is_leaf"].astype(bool)
        own = np.arange(len(nodes))
        values = np.zeros((len(nodes), len(offset)))
        outputs = np.concatenate([np.full(len(one), output) for one, output in trees])
        values[own, outputs] = np.where(is_leaf, nodes["value"], 0.0)
        left = _joined([one["left"] for one, _ in trees], starts)
        right = _joined([one["right"] for one, _ in trees], starts)
        is_value = not is_classifier and isinstance(model._loss.link, IdentityLink)
        return cls(
            roots=starts,
            column=nodes["feature_idx"].astype(np.intp),
            threshold=nodes["num_threshold"].astype(np.float64),
            missing_left=nodes["missing_go_to_left"].astype(bool),
            left=np.where(is_leaf, own, left),
            right=np.where(is_leaf, own, right),
            is_leaf=is_leaf,
            values=values,
            offset=offset,
            depth=int(nodes["depth"].max()),
            quantity="value" if is_value else "margin",
        )

    def goes_left(self, nodes: npt.NDArray[np.intp], values: Prepared) -> npt.NDArray[np.bool_]:
        """Return for pairs of a node and a row's value of the node's column whether the row goes left."""
        below: npt.NDArray[np.bool_] = values <= self.threshold[nodes]
        return below | (np.isnan(values) & self.missing_left[nodes])

    def output(self, prepared: Prepared) -> FloatArray:
        """Return the model's output for prepared rows, shape (n, outputs)."""
        rows = np.repeat(np.arange(len(prepared)), len(self.roots))
        nodes = np.tile(self.roots, len(prepared))
        while not self.is_leaf[nodes].all():
            left = self.goes_left(nodes, prepared[rows, self.column[nodes]])
            nodes = np.where(left, self.left[nodes], self.right[nodes])
        by_tree = self.values[nodes].reshape(len(prepared), len(self.roots), -1)
        total: FloatArray = self.offset + by_tree.sum(axis=1)
        return total


def _joined(parts: list[npt.NDArray[Any]], starts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return positions within trees as positions among all nodes."""
    moved = [part.astype(np.intp) + start for part, start in zip(parts, starts, strict=True)]
    return np.concatenate(moved)
