"""Comparing two windows that were counted into the same bins; the checks of a dataset do it in the same way."""

from __future__ import annotations

from datasets.checking.comparison import (
    BinnedComparison,
    compare_counts,
    jensen_shannon_distance,
    q_values,
)

__all__ = ["BinnedComparison", "compare_counts", "jensen_shannon_distance", "q_values"]
