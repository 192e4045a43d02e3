"""Per-row losses in [0, 1]: what a bet can be placed on.

Only losses that belong to one row qualify. Accuracy is the mean of one; AUC and F1 are not, so they
are shown beside a decision and never decide it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Quantile of the champion's absolute errors that counts as a total miss.
ERROR_SCALE_QUANTILE = 0.95


class Loss(StrEnum):
    """Which loss a comparison is about."""

    ZERO_ONE = "zero_one"
    BRIER = "brier"
    ABSOLUTE_ERROR = "absolute_error"


def zero_one_losses(labels: Sequence[object], predictions: Sequence[object]) -> FloatArray:
    """Return 1 where a prediction misses its label and 0 where it meets it.

    Raises
    ------
    ValueError
        The lengths differ.

    Examples
    --------
    >>> zero_one_losses(["a", "b"], ["a", "a"]).tolist()
    [0.0, 1.0]
    """
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels, but {len(predictions)} predictions")
    return np.array(
        [float(label != prediction) for label, prediction in zip(labels, predictions, strict=True)],
        dtype=np.float64,
    )


def brier_losses(
    labels: Sequence[object], probabilities: npt.ArrayLike, classes: Sequence[object]
) -> FloatArray:
    r"""Return half of the squared distance between the forecast and what happened.

    .. math:: \tfrac12 \sum_k (p_k - 1\{y = k\})^2 \in [0, 1]

    For two classes this is :math:`(p_1 - y)^2`. A label that is none of the ``classes`` is missed
    by every forecast: its indicator is zero everywhere, and a further class of probability zero is
    meant, so that the loss is :math:`\tfrac12 (1 + \sum_k p_k^2)`.

    Parameters
    ----------
    labels
        What really happened, n rows.
    probabilities
        Forecast, n rows by K classes, rows summing to one.
    classes
        The K classes in the order of the columns.

    Raises
    ------
    ValueError
        The shapes do not fit together.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78 (1950).

    Examples
    --------
    >>> brier_losses(["yes", "no"], [[0.2, 0.8], [0.5, 0.5]], ["no", "yes"]).round(4).tolist()
    [0.04, 0.25]
    """
    forecast = np.asarray(probabilities, dtype=np.float64)
    if forecast.shape != (len(labels), len(classes)):
        raise ValueError(
            f"probabilities have shape {forecast.shape}, not ({len(labels)}, {len(classes)})"
        )
    happened = np.array(
        [[float(label == known) for known in classes] for label in labels], dtype=np.float64
    ).reshape(forecast.shape)
    unknown = 1.0 - happened.sum(axis=1)
    losses: FloatArray = 0.5 * (np.square(forecast - happened).sum(axis=1) + unknown)
    return np.minimum(losses, 1.0)


def error_scale(errors: npt.ArrayLike) -> float:
    """Return the error, in the target's unit, that counts as a total miss.

    It is the 0.95 quantile of the absolute errors given, or the smallest positive float where all
    are zero. It must come from rows that are *not* played on, so that it is known before the first
    bet: the champion's errors on its own training reference, or on the older labelled rows.

    Raises
    ------
    ValueError
        There is no error to look at.

    Examples
    --------
    >>> round(error_scale([0.0, -1.0, 2.0, 4.0]), 6)
    3.7
    """
    sizes = np.abs(np.asarray(errors, dtype=np.float64))
    if sizes.size == 0:
        raise ValueError("a scale needs at least one error")
    return max(float(np.quantile(sizes, ERROR_SCALE_QUANTILE)), float(np.finfo(np.float64).tiny))


def clipped_absolute_errors(
    labels: npt.ArrayLike, values: npt.ArrayLike, *, scale: float
) -> FloatArray:
    r"""Return :math:`\min(|y - \hat y| / s, 1)`.

    Parameters
    ----------
    labels, values
        What happened and what was predicted, n rows each, in the target's unit.
    scale
        The error :math:`s > 0`, in the same unit, that counts as a total miss (see
        :func:`error_scale`).

    Raises
    ------
    ValueError
        The scale is not positive, or the lengths differ.

    Examples
    --------
    >>> clipped_absolute_errors([1.0, 5.0], [1.5, 0.0], scale=2.0).tolist()
    [0.25, 1.0]
    """
    if not scale > 0.0:
        raise ValueError(f"the scale must be positive, not {scale}")
    truth = np.asarray(labels, dtype=np.float64)
    predicted = np.asarray(values, dtype=np.float64)
    if truth.shape != predicted.shape:
        raise ValueError(f"{truth.size} labels, but {predicted.size} values")
    return np.minimum(np.abs(truth - predicted) / scale, 1.0)
