"""Wasserstein distance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import wasserstein_distance

#: Least standard deviation that is divided by.
LEAST_DEVIATION = 0.001


def normed_wasserstein_distance(
    reference: npt.NDArray[np.float64], current: npt.NDArray[np.float64]
) -> float:
    """Return the first Wasserstein distance in units of the reference's standard deviation (at least 0.001).

    Samples of shapes (n,) and (m,), both at least 1, without NaN.

    Examples
    --------
    >>> normed_wasserstein_distance(np.array([-1.0, 1.0]), np.array([0.0, 2.0]))
    1.0
    """
    deviation = max(float(np.std(reference)), LEAST_DEVIATION)
    return float(wasserstein_distance(reference, current)) / deviation
