r"""Comparing two windows that were counted into the same bins.

With counts :math:`a_k` of n reference rows and :math:`b_k` of m current rows:

* effect size: the Jensen-Shannon distance, base 2, of the shares p and q,
  :math:`\sqrt{\tfrac12 KL(p \| \tfrac{p+q}2) + \tfrac12 KL(q \| \tfrac{p+q}2)}`; 0 for equal, 1 for disjoint
  windows (Lin, 1991, doi:10.1109/18.61115);
* p-value: Pearson's two-sample chi-square on the 2 × K table, without Yates' correction. Bins in which fewer
  than 5 rows of either window are expected are pooled first (Cochran, 1952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

Counts = npt.NDArray[np.int64]

#: Fewest rows that must be expected in a bin of the test.
FEWEST_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class BinnedComparison:
    """How far apart two counted windows are.

    Attributes
    ----------
    effect_size
        Jensen-Shannon distance, base 2, in [0, 1].
    chi_square, degrees_of_freedom
        The test's statistic after pooling.
    p_value
        None when pooling leaves one bin only, so that there is nothing to test.
    """

    effect_size: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float | None


def compare_counts(reference: Counts, current: Counts) -> BinnedComparison:
    """Compare two windows of at least one row each, counted into the same K bins (shape (K,)).

    Examples
    --------
    >>> same = compare_counts(np.array([50, 50]), np.array([50, 50]))
    >>> same.effect_size, same.p_value
    (0.0, 1.0)
    >>> apart = compare_counts(np.array([100, 0]), np.array([0, 100]))
    >>> apart.effect_size, apart.p_value < 1e-40
    (1.0, True)
    """
    effect = jensen_shannon_distance(reference / reference.sum(), current / current.sum())
    table = _pooled(np.vstack([reference, current]).astype(np.float64))
    freedom = table.shape[1] - 1
    if freedom < 1:
        return BinnedComparison(effect, 0.0, 0, None)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return BinnedComparison(effect, statistic, freedom, float(chi2.sf(statistic, freedom)))


def jensen_shannon_distance(
    p: npt.NDArray[np.float64], q: npt.NDArray[np.float64], *, base: float = 2.0
) -> float:
    """Return the Jensen-Shannon distance of two discrete distributions of shape (K,).

    Examples
    --------
    >>> round(jensen_shannon_distance(np.array([1.0, 0.0]), np.array([0.5, 0.5])), 6)
    0.557923
    """
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence / np.log(base))))


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Benjamini-Hochberg q-values: the false discovery rate at which each would be reported.

    q of the k-th smallest of m p-values is the least ``p_(j)·m/j`` over j ≥ k (Benjamini and Hochberg, 1995,
    doi:10.1111/j.2517-6161.1995.tb02031.x). What was not tested (None) is not counted.

    Examples
    --------
    >>> [round(q, 4) for q in q_values([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    tested = [(p, index) for index, p in enumerate(p_values) if p is not None]
    found: list[float | None] = [None] * len(p_values)
    smallest = 1.0
    for rank, (p, index) in reversed(list(enumerate(sorted(tested), start=1))):
        smallest = min(smallest, p * len(tested) / rank)
        found[index] = smallest
    return found


def _relative_entropy(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def _pooled(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the table with empty bins left out and sparse ones put together."""
    table = table[:, table.sum(axis=0) > 0]
    totals = table.sum(axis=0)
    needed = FEWEST_EXPECTED * table.sum() / table.sum(axis=1).min()
    sparse = totals < needed
    if not sparse.any():
        return table
    order = np.argsort(totals, kind="stable")
    pooled_until = int(sparse.sum())
    while pooled_until < len(totals) and totals[order[:pooled_until]].sum() < needed:
        pooled_until += 1
    pool = table[:, order[:pooled_until]].sum(axis=1, keepdims=True)
    return np.hstack([pool, table[:, order[pooled_until:]]])
