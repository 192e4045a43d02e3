"""Metrics of held-out rows; what cannot be computed is None, never NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as m

FloatArray = npt.NDArray[np.float64]


def metrics_of(
    *,
    truth: npt.NDArray[Any],
    labels: Sequence[Any],
    probabilities: FloatArray | None,
    classes: Sequence[Any] | None,
) -> dict[str, float | None]:
    """Return the metrics of a classifier (``classes`` given) or a regressor."""
    if classes is not None and probabilities is not None:
        return classification_metrics(truth, labels, probabilities, classes)
    return regression_metrics(truth.astype(np.float64), np.asarray(labels, dtype=np.float64))


def classification_metrics(
    truth: npt.NDArray[Any],
    labels: Sequence[Any],
    probabilities: FloatArray,
    classes: Sequence[Any],
) -> dict[str, float | None]:
    """Return metrics of n predicted classes.

    Parameters
    ----------
    truth, labels
        The true and the predicted class of each row.
    probabilities
        Shape (n, number of classes), in the order of ``classes``.

    Returns
    -------
    dict
        With two classes, precision, recall, F1 and the areas are of the second class (the positive one);
        with more they are averaged over the classes without weights (one against the rest). Balanced accuracy is
        the mean recall of the classes that are among the true ones: of no other can a row be found.
    """
    order = {str(label): index for index, label in enumerate(classes)}
    true = np.array([order[str(value)] for value in truth])
    guess = np.array([order[str(value)] for value in labels])
    one_hot = np.eye(len(classes))[true]
    clipped = np.clip(probabilities, 1e-15, 1.0)
    is_binary = len(classes) == 2
    average = "binary" if is_binary else "macro"
    seen = np.unique(true)
    both_seen = len(seen) == len(classes)
    score = probabilities[:, 1] if is_binary else probabilities
    truth_for_area = true if is_binary else one_hot
    return _finite(
        {
            "accuracy": float((true == guess).mean()),
            "balanced_accuracy": float(m.recall_score(true, guess, labels=seen, average="macro")),
            "f1": float(m.f1_score(true, guess, average=average, zero_division=0)),
            "precision": float(m.precision_score(true, guess, average=average, zero_division=0)),
            "recall": float(m.recall_score(true, guess, average=average, zero_division=0)),
            "roc_auc": float(m.roc_auc_score(truth_for_area, score)) if both_seen else None,
            "average_precision": float(m.average_precision_score(truth_for_area, score))
            if both_seen
            else None,
            "log_loss": float(-np.log(clipped[np.arange(len(true)), true]).mean()),
            "brier": float(((probabilities - one_hot) ** 2).sum(axis=1).mean())
            / (2 if is_binary else 1),
        }
    )


def regression_metrics(truth: FloatArray, values: FloatArray) -> dict[str, float | None]:
    """Return metrics of n predicted values: R², RMSE, MAE and the median absolute error."""
    gap = values - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    return _finite(
        {
            "r2": 1.0 - float((gap**2).sum()) / spread if spread > 0 else None,
            "rmse": float(np.sqrt((gap**2).mean())),
            "mae": float(np.abs(gap).mean()),
            "median_absolute_error": float(np.median(np.abs(gap))),
        }
    )


def _finite(values: dict[str, float | None]) -> dict[str, float | None]:
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in values.items()
    }
