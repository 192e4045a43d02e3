"""Bins that the reference alone decides, so that its counts are made once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

Kind = Literal["continuous", "discrete", "categorical"]
Counts = npt.NDArray[np.int64]

#: A numeric column with at most this many distinct values gets one bin for each.
MOST_DISCRETE = 20
#: So many of the most frequent categories get a bin of their own; the rest share one.
MOST_CATEGORIES = 50
#: Continuous columns are cut at the reference's deciles.
QUANTILES = tuple(np.arange(1, 10) / 10)


@dataclass(frozen=True, slots=True)
class ColumnBins:
    """The K bins of a column: those of its values, one for all other values, one for missing ones.

    Attributes
    ----------
    edges
        Inner edges of a continuous column, ascending; bin i holds ``edges[i-1] < x <= edges[i]``, and the
        outer bins are open to infinity.
    own_values
        The values of a discrete or categorical column that have a bin of their own.
    """

    kind: Kind
    edges: tuple[float, ...] = ()
    own_values: tuple[Any, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the K bins, for charts."""
        if self.kind != "continuous":
            return (*(_shown(value) for value in self.own_values), "other", "missing")
        if not self.edges:
            return ("any", "missing")
        shown = [_shown(edge) for edge in self.edges]
        inner = [f"{low} … {high}" for low, high in itertools.pairwise(shown)]
        return (f"≤ {shown[0]}", *inner, f"> {shown[-1]}", "missing")


def bins_of(reference: pd.Series[Any], *, is_numeric: bool) -> ColumnBins:
    """Return the bins of a column by its reference values (missing ones are left out)."""
    if not is_numeric:
        frequent = reference.dropna().astype(str).value_counts()
        return ColumnBins("categorical", own_values=tuple(frequent.index[:MOST_CATEGORIES]))
    numbers = as_numbers(reference)
    present = numbers[~np.isnan(numbers)]
    distinct = np.unique(present)
    if len(distinct) <= MOST_DISCRETE:
        return ColumnBins("discrete", own_values=tuple(distinct.tolist()))
    edges = np.unique(np.quantile(present, QUANTILES))
    return ColumnBins("continuous", edges=tuple(edges.tolist()))


def count_into(bins: ColumnBins, column: pd.Series[Any]) -> Counts:
    """Return how many values of a column fall into each bin, shape (K,)."""
    if bins.kind == "continuous":
        numbers = as_numbers(column)
        missing = np.isnan(numbers)
        places = np.searchsorted(np.asarray(bins.edges), numbers[~missing], side="left")
        inner = np.bincount(places, minlength=len(bins.edges) + 1)
        return np.append(inner, missing.sum()).astype(np.int64)
    missing = column.isna().to_numpy()
    codes = _codes(bins, column[~missing])
    width = len(bins.own_values)
    inner = np.bincount(np.where(codes < 0, width, codes), minlength=width + 1)
    return np.append(inner, missing.sum()).astype(np.int64)


def as_numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return a numeric column as float64, shape (n,); missing values and truth values as NaN, 0 and 1."""
    return pd.to_numeric(column.astype(object), errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )


def _codes(bins: ColumnBins, present: pd.Series[Any]) -> npt.NDArray[np.intp]:
    """Return the bin of each value, -1 for a value that has none of its own."""
    if bins.kind == "categorical":
        known, found = (
            pd.Index(bins.own_values, dtype=object),
            pd.Index(present.astype(str), dtype=object),
        )
    else:
        known = pd.Index(bins.own_values, dtype=np.float64)
        found = pd.Index(as_numbers(present), dtype=np.float64)
    return np.asarray(known.get_indexer(found), dtype=np.intp)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
