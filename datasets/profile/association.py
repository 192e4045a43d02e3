"""How strongly columns go together, whatever their types.

=================  =========================================================================
pair               measure
=================  =========================================================================
number, number     Pearson's r and Spearman's ρ (r of the mid-ranks), −1 to 1
category, category Cramér's V, corrected for bias, 0 to 1
number, category   the correlation ratio, corrected for bias, 0 to 1
=================  =========================================================================

Moments count as numbers, booleans as categories. Rows in which either value is missing do not enter
a pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.profile.sample import Codes, Floats, SampledColumn

MOST_COLUMNS = 60
MOST_CATEGORIES = 200
FEWEST_PAIRS = 20
PAIRS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """How two columns go together; ``strength`` is what a picture shows."""

    first: str
    second: str
    measure: str
    strength: float
    rows: int
    pearson: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the pair as JSON-compatible, finite values."""
        found: dict[str, Any] = {
            "first": self.first,
            "second": self.second,
            "measure": self.measure,
            "strength": round(self.strength, 6),
            "rows": self.rows,
        }
        if self.measure == "spearman":
            found["pearson"] = None if self.pearson is None else round(self.pearson, 6)
        return found


@dataclass(frozen=True, slots=True)
class Associations:
    """All pairs of the columns that can be compared, and why the others cannot.

    Attributes
    ----------
    names
        The columns that were compared, in the order of the schema.
    skipped
        Name and reason: ``constant``, ``too_many_categories``, ``too_many_columns``.
    """

    names: tuple[str, ...]
    pairs: tuple[Pair, ...]
    skipped: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "columns": list(self.names),
            "pairs": [pair.to_dict() for pair in self.pairs],
            "skipped": [{"column": name, "reason": reason} for name, reason in self.skipped],
        }


def associations(columns: Sequence[SampledColumn]) -> Associations:
    """Compare each column with each other one.

    Pairs with fewer than 20 rows that have both values are left out: too little to say anything.
    Of a table with more than 60 columns that can be compared the first 60 are.
    """
    kept: list[SampledColumn] = []
    skipped: list[tuple[str, str]] = []
    for column in columns:
        distinct = column.distinct
        if distinct < 2:
            skipped.append((column.name, "constant"))
        elif column.codes is not None and distinct > MOST_CATEGORIES:
            skipped.append((column.name, "too_many_categories"))
        elif len(kept) == MOST_COLUMNS:
            skipped.append((column.name, "too_many_columns"))
        else:
            kept.append(column)
    found = _numeric_pairs([column for column in kept if column.numbers is not None])
    categories = [column for column in kept if column.codes is not None]
    for at, first in enumerate(categories):
        for second in categories[at + 1 :]:
            found.extend(_both_categories(first, second))
        for number in kept:
            if number.numbers is not None:
                found.extend(_mixed(number, first))
    place = {column.name: at for at, column in enumerate(kept)}
    found.sort(key=lambda pair: (place[pair.first], place[pair.second]))
    return Associations(tuple(place), tuple(found), tuple(skipped))


def _numeric_pairs(columns: Sequence[SampledColumn]) -> list[Pair]:
    if len(columns) < 2:
        return []
    values = np.stack(
        [_standardised(column.numbers) for column in columns if column.numbers is not None]
    )
    present = ~np.isnan(values)
    weights = present.astype(np.float64)
    rows = weights @ weights.T
    pearson = pairwise_pearson(values)
    if present.all():
        ranked = pairwise_pearson(np.stack([mid_ranks(line) for line in values]))
    else:
        ranked = _ranked_pairwise(values, present)
    found = []
    for at, first in enumerate(columns):
        for other in range(at + 1, len(columns)):
            strength = ranked[at, other]
            if rows[at, other] >= FEWEST_PAIRS and math.isfinite(strength):
                linear = float(pearson[at, other])
                found.append(
                    Pair(
                        first.name,
                        columns[other].name,
                        "spearman",
                        float(strength),
                        int(rows[at, other]),
                        linear if math.isfinite(linear) else None,
                    )
                )
    return found


def _ranked_pairwise(values: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """Return Spearman's ρ with the ranks taken among the rows that both columns have."""
    orders = [_ascending(line) for line in values]
    whole = np.stack([_ranks_in(line, order) for line, order in zip(values, orders, strict=True)])
    ranked = pairwise_pearson(whole)
    gappy = np.asarray(~present.all(axis=1))
    for at in range(len(values)):
        for other in range(at):
            if not (gappy[at] or gappy[other]):
                continue
            both = present[at] & present[other]
            # Picking the common rows out of an order is ten times as fast as sorting them again.
            two = np.stack(
                [
                    _ranks_in(values[one], orders[one][both[orders[one]]])[both]
                    for one in (at, other)
                ]
            )
            ranked[at, other] = ranked[other, at] = pairwise_pearson(two)[0, 1]
    return ranked


def _standardised(numbers: Floats | None) -> Floats:
    """Return the numbers moved and scaled, so that no square of them leaves the range of a double."""
    assert numbers is not None
    scale = float(np.nanmax(np.abs(numbers))) or 1.0
    small = numbers / scale
    moved: Floats = small - np.nanmean(small)
    return moved


def pairwise_pearson(values: Floats) -> Floats:
    """Return Pearson's r of each pair of lines, over the places at which both have a number.

    With sums over those places only: r = (n·Σxy − Σx·Σy) / √((n·Σx² − (Σx)²)(n·Σy² − (Σy)²)).
    NaN where a line has no spread there. The lines should be centred about 0 for accuracy.

    Examples
    --------
    >>> pairwise_pearson(np.array([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]))[0, 1].round(9)
    np.float64(-1.0)
    """
    present = ~np.isnan(values)
    weights = present.astype(np.float64)
    filled = np.where(present, values, 0.0)
    n = weights @ weights.T
    sums = filled @ weights.T
    squares = (filled * filled) @ weights.T
    spread = n * squares - sums * sums
    # What is left by rounding when all values are equal is no spread.
    spread[spread <= 1e-12 * np.maximum(n * squares, 1e-300)] = np.nan
    with np.errstate(invalid="ignore"):
        r = (n * (filled @ filled.T) - sums * sums.T) / np.sqrt(spread * spread.T)
    clipped: Floats = np.clip(r, -1.0, 1.0)
    return clipped


def mid_ranks(values: Floats) -> Floats:
    """Return ranks, centred about 0; equal values share the mean of theirs, NaN stays NaN.

    Examples
    --------
    >>> mid_ranks(np.array([3.0, 1.0, 3.0]))
    array([ 0.5, -1. ,  0.5])
    """
    return _ranks_in(values, _ascending(values))


def _ascending(values: Floats) -> Codes:
    """Return the places of the values in ascending order, without those of NaN."""
    order = np.argsort(values, kind="stable")
    return order[: len(values) - int(np.isnan(values).sum())]


def _ranks_in(values: Floats, order: Codes) -> Floats:
    """Return the mid-ranks of the places that ``order`` names in ascending order, NaN at all others."""
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))[: len(order)]
    sizes = np.diff(np.append(starts, len(order)))
    ranks = np.full(len(values), np.nan)
    ranks[order] = np.repeat(starts + (sizes - 1) / 2.0, sizes) - (len(order) - 1) / 2.0
    return ranks


def _both_categories(first: SampledColumn, second: SampledColumn) -> list[Pair]:
    assert first.codes is not None
    assert second.codes is not None
    both = (first.codes >= 0) & (second.codes >= 0)
    rows = int(both.sum())
    if rows < FEWEST_PAIRS:
        return []
    strength = cramers_v(first.codes[both], second.codes[both])
    if strength is None:
        return []
    return [Pair(first.name, second.name, "cramers_v", strength, rows)]


def cramers_v(first: Codes, second: Codes) -> float | None:
    """Return Cramér's V of two columns of codes, corrected for bias; None when one is constant.

    With φ² = χ²/n of the r × k table: φ̃² = max(0, φ² − (r−1)(k−1)/(n−1)), r̃ = r − (r−1)²/(n−1),
    k̃ = k − (k−1)²/(n−1), and V = √(φ̃² / min(r̃−1, k̃−1)). Without the correction V grows with the
    number of categories even where there is nothing.

    References
    ----------
    Bergsma: A bias-correction for Cramér's V and Tschuprow's T. Journal of the Korean Statistical
    Society 42 (2013), 323-328.

    Examples
    --------
    >>> codes = np.arange(1000) % 2
    >>> cramers_v(codes, codes), cramers_v(codes, np.arange(1000) // 2 % 2)
    (1.0, 0.0)
    """
    width = int(second.max()) + 1
    table = np.bincount(first * width + second, minlength=(int(first.max()) + 1) * width)
    table = table.reshape(-1, width).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, k = table.shape
    n = float(table.sum())
    if r < 2 or k < 2:
        return None
    expected = table.sum(axis=1)[:, None] * table.sum(axis=0)[None, :] / n
    phi2 = float((table * table / expected).sum()) / n - 1.0
    phi2 = max(0.0, phi2 - (r - 1) * (k - 1) / (n - 1))
    smaller = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    if smaller <= 0:
        return None
    return min(1.0, math.sqrt(phi2 / smaller))


def _mixed(number: SampledColumn, category: SampledColumn) -> list[Pair]:
    assert number.numbers is not None
    assert category.codes is not None
    both = ~np.isnan(number.numbers) & (category.codes >= 0)
    rows = int(both.sum())
    if rows < FEWEST_PAIRS:
        return []
    strength = correlation_ratio(number.numbers[both], category.codes[both])
    if strength is None:
        return []
    return [Pair(number.name, category.name, "correlation_ratio", strength, rows)]


def correlation_ratio(numbers: Floats, codes: Codes) -> float | None:
    """Return how much of the spread of numbers is between categories; None where there is none.

    η² = SS between / SS total; corrected for the k group means that were fitted to n rows:
    ε² = 1 − (1 − η²)(n − 1)/(n − k), never below 0; the result is ε.

    References
    ----------
    Kelley: An unbiased correlation ratio measure. Proceedings of the National Academy of Sciences
    21 (1935), 554-559.

    Examples
    --------
    >>> correlation_ratio(np.array([1.0, 1.0, 5.0, 5.0]), np.array([0, 0, 1, 1]))
    1.0
    """
    scale = float(np.abs(numbers).max()) or 1.0
    values = numbers / scale
    values = values - values.mean()
    counts = np.bincount(codes).astype(np.float64)
    sums = np.bincount(codes, weights=values)
    used = counts > 0
    n, k = float(counts.sum()), int(used.sum())
    total = float((values * values).sum())
    if k < 2 or n <= k or total <= 1e-24 * n:
        return None
    eta2 = float((sums[used] ** 2 / counts[used]).sum()) / total
    return math.sqrt(min(1.0, max(0.0, 1.0 - (1.0 - eta2) * (n - 1) / (n - k))))
