"""The data of a run's pictures: bounded, finite, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics as m

_POINTS = 200
_BARS = 25


def plots_of(
    *,
    truth: npt.NDArray[Any],
    labels: Sequence[Any],
    probabilities: npt.NDArray[np.float64] | None,
    classes: Sequence[Any] | None,
    importances: dict[str, float],
) -> dict[str, dict[str, Any]]:
    """Return the data of each picture by name: curves, matrices and bars."""
    plots: dict[str, dict[str, Any]] = {}
    if importances:
        plots["importance"] = _importance(importances)
    if classes is None:
        plots["predicted_against_true"] = _scatter(truth.astype(np.float64), labels)
        return plots
    texts = [str(label) for label in classes]
    if len(texts) <= 20:
        matrix = m.confusion_matrix(truth.astype(str), [str(one) for one in labels], labels=texts)
        plots["confusion_matrix"] = {"kind": "matrix", "labels": texts, "counts": matrix.tolist()}
    if probabilities is not None and len(classes) == 2:
        positive = truth.astype(str) == texts[1]
        if positive.any() and not positive.all():
            plots.update(_curves(positive, probabilities[:, 1]))
    return plots


def anomaly_plots(
    *,
    truth: npt.NDArray[np.object_],
    scores: npt.NDArray[np.float64],
    importances: dict[str, float],
) -> dict[str, dict[str, Any]]:
    """Return the data of pictures of anomaly scores.

    Parameters
    ----------
    truth
        Shape (n,): True, False, or None where it is not known.
    """
    plots: dict[str, dict[str, Any]] = {}
    if importances:
        plots["importance"] = _importance(importances)
    counts, edges = np.histogram(scores, bins=_BARS)
    plots["scores"] = _curve(
        (edges[:-1] + edges[1:]) / 2, counts / max(len(scores), 1), "score", "share of rows", ""
    )
    known = np.array([one is not None for one in truth], dtype=bool)
    flags = np.array([bool(one) for one in truth[known]], dtype=bool)
    if flags.any() and not flags.all():
        plots.update(_ranking(flags, scores[known]))
    return plots


def _importance(importances: dict[str, float]) -> dict[str, Any]:
    ranked = sorted(importances.items(), key=lambda item: -item[1])[:_BARS]
    return {
        "kind": "bars",
        "labels": [name for name, _ in ranked],
        "values": [value for _, value in ranked],
    }


def _ranking(
    positive: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    false_rate, true_rate, _ = m.roc_curve(positive, score)
    precision, recall, _ = m.precision_recall_curve(positive, score)
    return {
        "roc_curve": _curve(
            false_rate,
            true_rate,
            "false positive rate",
            "true positive rate",
            f"AUC {m.auc(false_rate, true_rate):.4f}",
        ),
        "precision_recall": _curve(recall[::-1], precision[::-1], "recall", "precision", ""),
    }


def _curves(
    positive: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    edges = np.quantile(score, np.linspace(0, 1, 11)[1:-1])
    bins = np.searchsorted(edges, score)
    seen = [index for index in range(10) if (bins == index).any()]
    return {
        **_ranking(positive, score),
        "calibration": _curve(
            np.array([score[bins == index].mean() for index in seen]),
            np.array([positive[bins == index].mean() for index in seen]),
            "predicted probability",
            "observed share",
            "",
        ),
    }


def _curve(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    x_label: str,
    y_label: str,
    mark: str,
) -> dict[str, Any]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).astype(int))
    return {
        "kind": "curve",
        "x": np.round(x[chosen], 5).tolist(),
        "y": np.round(y[chosen], 5).tolist(),
        "x_label": x_label,
        "y_label": y_label,
        "mark": mark,
    }


def _scatter(truth: npt.NDArray[np.float64], labels: Sequence[Any]) -> dict[str, Any]:
    order = np.argsort(truth)
    values = np.asarray(labels, dtype=np.float64)[order]
    parts = np.array_split(np.arange(len(order)), min(50, len(order)))
    return _curve(
        np.array([truth[order][part].mean() for part in parts]),
        np.array([values[part].mean() for part in parts]),
        "true value",
        "mean prediction",
        "",
    )
