"""Kolmogorov and Smirnov's two-sample test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp


@dataclass(frozen=True, slots=True)
class KolmogorovSmirnov:
    """The largest difference of the two empirical distribution functions, and its p-value."""

    statistic: float
    p_value: float


def kolmogorov_smirnov(
    reference: npt.NDArray[np.float64], current: npt.NDArray[np.float64]
) -> KolmogorovSmirnov:
    """Compare two samples of numbers (shapes (n,) and (m,), both at least 1, without NaN).

    The p-value is exact for samples of up to 10,000 values, else asymptotic (``scipy.stats.ks_2samp``).

    Examples
    --------
    >>> kolmogorov_smirnov(np.arange(10.0), np.arange(10.0) + 5).statistic
    0.5
    """
    found = ks_2samp(reference, current)
    return KolmogorovSmirnov(float(found.statistic), float(found.pvalue))
