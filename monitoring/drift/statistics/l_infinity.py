"""L-infinity distance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def l_infinity_distance(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    """Return the largest difference of a share, ``max |p_k - q_k|``, of two distributions of shape (K,).

    Examples
    --------
    >>> l_infinity_distance(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    0.25
    """
    return float(np.abs(p - q).max())
