"""Hellinger distance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def hellinger_distance(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    r"""Return :math:`\sqrt{\tfrac12 \sum_k (\sqrt{p_k} - \sqrt{q_k})^2}` of two distributions of shape (K,).

    Between 0 (equal) and 1 (disjoint); Hellinger, 1909, doi:10.1515/crll.1909.136.210.

    Examples
    --------
    >>> hellinger_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2))
