"""Choosing the columns to learn from, and saying which were left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

#: A text column with a different value in more than this share of rows is an identifier.
_IDENTIFIER_SHARE = 0.95
_IDENTIFIER_ROWS = 50
_MOST_TEXT_CATEGORIES = 5_000
_LEAK_AUC = 0.999
_LEAK_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class DroppedColumn:
    """A column that is not learnt from, and why."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The columns that are learnt from, in order, and those that are not."""

    features: tuple[str, ...]
    dropped: tuple[DroppedColumn, ...]


def choose_columns(
    frame: pd.DataFrame, wanted: Sequence[str], types: Mapping[str, str]
) -> ColumnChoice:
    """Return which of the wanted columns carry something to learn.

    Parameters
    ----------
    types
        The schema's type of each column; ``timestamp`` columns are not learnt from as they are.
    """
    features: list[str] = []
    dropped: list[DroppedColumn] = []
    for name in wanted:
        reason = _reason_to_drop(frame[name], types.get(name, ""))
        if reason is None:
            features.append(name)
        else:
            dropped.append(DroppedColumn(name, reason))
    return ColumnChoice(tuple(features), tuple(dropped))


def _reason_to_drop(column: pd.Series, kind: str) -> str | None:
    if kind == "timestamp":
        return "a timestamp"
    if column.isna().all():
        return "no values"
    distinct = int(column.nunique(dropna=False))
    if distinct <= 1:
        return "the same value in every row"
    if kind == "string":
        if len(column) >= _IDENTIFIER_ROWS and distinct > _IDENTIFIER_SHARE * len(column):
            return "an identifier: nearly every row has another value"
        if distinct > _MOST_TEXT_CATEGORIES:
            return f"too many categories ({distinct:,})"
    return None


def leakage_suspects(
    frame: pd.DataFrame, target: npt.NDArray[np.object_], features: Sequence[str]
) -> list[str]:
    """Return warnings about columns that tell the target nearly perfectly by themselves.

    For numeric columns and two classes: the area under the ROC curve of the column alone, from ranks
    (Mann-Whitney U); for others: whether the column's value decides the target in nearly every row.
    """
    rows = min(len(frame), _LEAK_ROWS)
    answers = pd.Series(target[:rows]).astype(str)
    classes = answers.unique()
    found: list[str] = []
    for name in features:
        column = frame[name].iloc[:rows].reset_index(drop=True)
        if pd.api.types.is_numeric_dtype(column.dtype) and len(classes) == 2:
            present = column.notna().to_numpy()
            positive = (answers == classes[1]).to_numpy()[present]
            area = _area(column.to_numpy(dtype=np.float64, na_value=np.nan)[present], positive)
            suspicious = max(area, 1 - area) >= _LEAK_AUC
        else:
            suspicious = _decides(column, answers)
        if suspicious:
            found.append(f"'{name}' alone tells the target nearly perfectly: is it known in time?")
    return found


def _area(values: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]) -> float:
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    ranks = rankdata(values)
    u = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(u / (n_positive * n_negative))


def _decides(column: pd.Series, answers: pd.Series) -> bool:
    """Whether the most common target per value of the column is right in 99.9 % of rows."""
    if column.nunique() > len(column) / 10:
        return bool((column.astype(str) == answers).mean() >= _LEAK_AUC)
    table = pd.crosstab(column.astype(object).fillna("—").astype(str), answers)
    if table.shape[1] < 2:
        return False
    return bool(table.max(axis=1).sum() / len(answers) >= _LEAK_AUC)
