"""Metrics of anomaly scores: against the anomalies that are known, or of the scores among themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn import metrics as m

FloatArray = npt.NDArray[np.float64]


def anomaly_metrics(truth: npt.NDArray[np.object_], scores: FloatArray) -> dict[str, float | None]:
    """Return how well scores rank the known anomalies first.

    Parameters
    ----------
    truth
        Shape (n,): True for an anomaly, False for none, None where nobody knows.
    scores
        Shape (n,), higher for what is less usual.

    Returns
    -------
    dict
        ``roc_auc`` and ``average_precision`` over the rows with a known truth; None unless both kinds are among
        them.
    """
    known = np.array([one is not None for one in truth], dtype=bool)
    flags = np.array([bool(one) for one in truth[known]], dtype=bool)
    if not flags.any() or flags.all():
        return {"roc_auc": None, "average_precision": None}
    return {
        "roc_auc": float(m.roc_auc_score(flags, scores[known])),
        "average_precision": float(m.average_precision_score(flags, scores[known])),
    }


def stability(scores: FloatArray, others: Sequence[FloatArray]) -> float | None:
    """Return how alike models that learnt from different rows rank the same ones.

    The mean of Spearman's rank correlation between a model's scores of n rows and those of each other model; a
    ranking that changes with the sample says more of the sample than of the rows.
    """
    found = [one for other in others if (one := rank_correlation(scores, other)) is not None]
    return float(np.mean(found)) if found else None


def rank_correlation(left: FloatArray, right: FloatArray) -> float | None:
    """Return Spearman's rank correlation; None where one side is constant."""
    if len(left) < 2:
        return None
    a, b = (rankdata(one) - (len(one) + 1) / 2 for one in (left, right))
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / scale if scale > 0 else None
