"""Population stability index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Shares below this are taken for this, so that the logarithm exists.
FLOOR = 1e-4


def population_stability_index(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    r"""Return :math:`\sum_k (p_k - q_k) \ln (p_k / q_k)` of two distributions of shape (K,).

    Shares are floored at 0.0001 (``FLOOR``). Without any change its expectation is (K-1)(1/n + 1/m) for n and
    m rows (Yurdakul and Naranjo, 2020, doi:10.21314/JRMV.2020.227), so a fixed threshold means nothing
    for small windows.

    Examples
    --------
    >>> round(population_stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75])), 6)
    0.274653
    """
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    return float(((p - q) * np.log(p / q)).sum())
