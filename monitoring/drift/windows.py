"""Comparing all columns of a window with the reference, and deciding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from monitoring.drift.binning import as_numbers, bins_of, count_into
from monitoring.drift.comparison import BinnedComparison, compare_counts, q_values
from monitoring.drift.statistics import (
    kolmogorov_smirnov,
    normed_wasserstein_distance,
    population_stability_index,
)

Verdict = Literal["drift", "no_drift", "not_enough_data"]
STATISTIC = "chi_square"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a difference counts as drift.

    Attributes
    ----------
    level
        Largest q-value: of the columns that are called drifted, at most this share is wrong on average.
    effect_floor
        Smallest Jensen-Shannon distance (base 2) that matters, however sure it is.
    min_rows
        A window, or a reference, with fewer rows is answered "not enough data".
    """

    level: float = 0.01
    effect_floor: float = 0.1
    min_rows: int = 50


@dataclass(frozen=True, slots=True)
class ColumnResult:
    """What was measured of a column, and what it comes to.

    Attributes
    ----------
    value
        The chi-square statistic.
    detail
        JSON-compatible: bins with both windows' counts, and statistics known from other tools.
    """

    column: str
    kind: str
    value: float | None
    effect_size: float | None
    p_value: float | None
    q_value: float | None
    verdict: Verdict
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowResult:
    """All columns of a window."""

    columns: tuple[ColumnResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Drift when a column drifts; not enough data when no column could be judged."""
        verdicts = {column.verdict for column in self.columns}
        if "drift" in verdicts:
            return "drift"
        return "no_drift" if "no_drift" in verdicts else "not_enough_data"


def compare_windows(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    numeric: Mapping[str, bool],
    thresholds: Thresholds,
    on_column: Callable[[int], None] | None = None,
) -> WindowResult:
    """Compare the columns that ``numeric`` names.

    Parameters
    ----------
    reference, current
        n and m rows.
    numeric
        For each column whether it holds numbers (truth values do not).
    on_column
        Called with the number of columns done.
    """
    enough = min(len(reference), len(current)) >= thresholds.min_rows
    measured: list[tuple[str, str, BinnedComparison | None, dict[str, Any]]] = []
    for done, (name, is_numeric) in enumerate(numeric.items(), start=1):
        measured.append((name, *_measure(reference[name], current[name], is_numeric)))
        if on_column is not None:
            on_column(done)
    corrected = q_values([one.p_value if one and enough else None for _, _, one, _ in measured])
    return WindowResult(
        tuple(
            ColumnResult(
                column=name,
                kind=kind,
                value=one.chi_square if one else None,
                effect_size=one.effect_size if one else None,
                p_value=one.p_value if one else None,
                q_value=q_value,
                verdict=_decide(one, q_value, thresholds) if enough else "not_enough_data",
                detail=detail,
            )
            for (name, kind, one, detail), q_value in zip(measured, corrected, strict=True)
        )
    )


def _measure(
    reference: pd.Series[Any], current: pd.Series[Any], is_numeric: bool
) -> tuple[str, BinnedComparison | None, dict[str, Any]]:
    bins = bins_of(reference, is_numeric=is_numeric)
    before, now = count_into(bins, reference), count_into(bins, current)
    detail: dict[str, Any] = {
        "bins": list(bins.labels),
        "reference": before.tolist(),
        "current": now.tolist(),
    }
    if before.sum() == 0 or now.sum() == 0:
        return bins.kind, None, detail
    detail["psi"] = population_stability_index(before / before.sum(), now / now.sum())
    if is_numeric:
        old, new = reference.dropna(), current.dropna()
        if len(old) and len(new):
            test = kolmogorov_smirnov(as_numbers(old), as_numbers(new))
            detail["ks"] = test.statistic
            detail["ks_p"] = test.p_value
            detail["wasserstein_normed"] = normed_wasserstein_distance(
                as_numbers(old), as_numbers(new)
            )
    return bins.kind, compare_counts(before, now), detail


def _decide(
    measured: BinnedComparison | None, q_value: float | None, thresholds: Thresholds
) -> Verdict:
    if measured is None:
        return "not_enough_data"
    if q_value is None:  # all rows of both windows lie in one bin
        return "no_drift" if measured.effect_size == 0 else "not_enough_data"
    is_sure = q_value <= thresholds.level
    return "drift" if is_sure and measured.effect_size >= thresholds.effect_floor else "no_drift"
