"""Cutting the labelled rows in the order in which their labels arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Labelled rows, cut in two.

    Attributes
    ----------
    older
        Joins the training data.
    newest
        Is kept back: the two models meet on it, and neither has been trained on it.
    """

    older: pd.DataFrame
    newest: pd.DataFrame


def fresh_rows(rows: pd.DataFrame, *, labels_through: str | datetime | None) -> pd.DataFrame:
    """Return the rows whose labels arrived after those that the champion was trained on.

    Parameters
    ----------
    rows
        In order of arrival, with the columns ``prediction_id`` and ``received_at``.
    labels_through
        The last prediction whose label is part of the champion's training data, or the moment at which that label
        arrived; None where it holds no production rows. An id that is not among ``rows`` is older than all of them.

    Examples
    --------
    >>> fresh_rows(pd.DataFrame({"prediction_id": ["a", "b", "c"]}), labels_through="b").size
    1
    """
    if labels_through is None:
        return rows
    if isinstance(labels_through, datetime):
        return rows[rows["received_at"] > labels_through]
    positions = (rows["prediction_id"].astype(str) == labels_through).to_numpy().nonzero()[0]
    return rows if positions.size == 0 else rows.iloc[int(positions[-1]) + 1 :]


def split_by_arrival(rows: pd.DataFrame, *, test_fraction: float, horizon: int) -> LabelledRows:
    """Cut rows so that the newest share of them is kept back, at most ``horizon`` rows.

    Each side gets one row at least.

    Raises
    ------
    ValueError
        There are fewer than two rows.

    Examples
    --------
    >>> split = split_by_arrival(pd.DataFrame({"x": range(10)}), test_fraction=0.3, horizon=99)
    >>> len(split.older), split.newest["x"].tolist()
    (7, [7, 8, 9])
    """
    if len(rows) < 2:
        raise ValueError("two labelled rows are the least that can be cut in two")
    kept_back = min(max(round(len(rows) * test_fraction), 1), horizon, len(rows) - 1)
    return LabelledRows(older=rows.iloc[:-kept_back], newest=rows.iloc[-kept_back:])
