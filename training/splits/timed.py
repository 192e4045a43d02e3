"""Splits along time: what comes later is tested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.errors import SplitRefused
from training.splits.splitting import Rows, Split

Moments = npt.NDArray[np.int64]

_US_PER_HOUR = 3_600_000_000


def moments_of(column: pd.Series[Any]) -> Moments:
    """Return moments as microseconds since 1970 (UTC).

    Raises
    ------
    SplitRefused
        A value is missing, or the column holds no moments.
    """
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise SplitRefused(f"'{column.name}' does not hold dates or moments.", field="split.column")
    missing = int(column.isna().sum())
    if missing:
        raise SplitRefused(
            f"'{column.name}' is missing in {missing:,} rows; time cannot order them.",
            field="split.column",
        )
    plain = column.dt.tz_convert("UTC") if column.dt.tz is not None else column
    return plain.to_numpy(dtype="datetime64[us]").astype(np.int64)


def split_by_time(moments: Moments, *, test_fraction: float, gap_hours: float) -> Split:
    """Return a split that tests on the newest rows.

    The boundary is the moment of the first tested row; rows of the same moment are never parted. Rows are
    learnt from when they are older than the boundary, and by the gap at least: moment < boundary and
    moment ≤ boundary - gap. What lies in the gap is left out.

    Raises
    ------
    SplitRefused
        All rows have the same moment, or the gap leaves nothing to learn from.
    """
    ordered = np.sort(moments)
    tested = max(1, round(len(moments) * test_fraction))
    boundary = int(ordered[len(ordered) - tested])
    if boundary == ordered[0]:
        later = ordered[ordered > boundary]
        if not len(later):
            raise SplitRefused(
                "All rows have the same moment; time cannot part them.", field="split.column"
            )
        boundary = int(later[0])
    train = _before(moments, boundary, gap_hours)
    if not len(train):
        raise SplitRefused(
            f"A gap of {gap_hours:g} hours leaves no row to learn from.", field="split.gap_hours"
        )
    return Split(train, np.flatnonzero(moments >= boundary), False, boundary_us=boundary)


def folds_by_time(moments: Moments, *, folds: int, gap_hours: float) -> Iterator[tuple[Rows, Rows]]:
    """Yield (train, test) row numbers: each stretch of time is tested on what came before it.

    The rows are cut into ``folds + 1`` stretches; the first is only learnt from. A stretch before which the
    gap leaves nothing is passed over.
    """
    ordered = np.sort(moments)
    cuts = [int(ordered[len(ordered) * step // (folds + 1)]) for step in range(1, folds + 1)]
    cuts = sorted(set(cuts) - {int(ordered[0])})
    for number, start in enumerate(cuts):
        train = _before(moments, start, gap_hours)
        inside = moments >= start
        if number + 1 < len(cuts):
            inside &= moments < cuts[number + 1]
        if len(train):
            yield train, np.flatnonzero(inside)


def _before(moments: Moments, boundary: int, gap_hours: float) -> Rows:
    gap = round(gap_hours * _US_PER_HOUR)
    return np.flatnonzero((moments < boundary) & (moments <= boundary - gap))
