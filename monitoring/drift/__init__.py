"""Has a window of rows another distribution than the reference? Measured first, decided apart.

A column's reference becomes fixed bins with counts once; a check counts the new rows into the same bins.
"""

from __future__ import annotations

from monitoring.drift.binning import ColumnBins, bins_of, count_into
from monitoring.drift.comparison import (
    BinnedComparison,
    compare_counts,
    jensen_shannon_distance,
    q_values,
)
from monitoring.drift.quality import ColumnQuality, quality_of
from monitoring.drift.windows import ColumnResult, Thresholds, WindowResult, compare_windows

__all__ = [
    "BinnedComparison",
    "ColumnBins",
    "ColumnQuality",
    "ColumnResult",
    "Thresholds",
    "WindowResult",
    "bins_of",
    "compare_counts",
    "compare_windows",
    "count_into",
    "jensen_shannon_distance",
    "q_values",
    "quality_of",
]
