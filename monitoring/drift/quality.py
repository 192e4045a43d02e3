"""What is wrong with the values themselves, reported apart from drift."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from monitoring.drift.binning import as_numbers


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """Shares in [0, 1].

    Attributes
    ----------
    reference_missing, missing
        Of the rows of the reference and of the window.
    unseen
        Of the present values: categories that the reference does not have; None for a numeric column.
    below_range, above_range
        Of the present values: outside of what the reference has; None for a categorical column.
    """

    reference_missing: float
    missing: float
    unseen: float | None = None
    below_range: float | None = None
    above_range: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Return the shares by name."""
        return asdict(self)


def quality_of(
    reference: pd.Series[Any], current: pd.Series[Any], *, is_numeric: bool
) -> ColumnQuality:
    """Return the quality of a column in a window."""
    missing = _share(current.isna())
    reference_missing = _share(reference.isna())
    known, present = reference.dropna(), current.dropna()
    if known.empty or present.empty:
        return ColumnQuality(reference_missing, missing)
    if not is_numeric:
        unseen = _share(~present.astype(str).isin(set(known.astype(str))))
        return ColumnQuality(reference_missing, missing, unseen=unseen)
    numbers, bounds = as_numbers(present), as_numbers(known)
    return ColumnQuality(
        reference_missing,
        missing,
        below_range=float((numbers < bounds.min()).mean()),
        above_range=float((numbers > bounds.max()).mean()),
    )


def _share(flags: pd.Series[Any]) -> float:
    return float(flags.mean()) if len(flags) else 0.0
