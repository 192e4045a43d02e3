"""Columns that carry nothing, or too much: constants, near-constants, identifiers, many categories.

``all_null``       no value at all
``constant``       one value in all rows
``nearly_constant``  one value in at least 99.5 % of the rows that have any (of the sample)
``identifier``     a different value in (almost) every row: short text without blanks, or integers that
                   only rise; at least 100 rows
``many_categories``  more than 50 categories, and fewer than ten rows for each on average (of text)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.profile.sample import SampledColumn
from datasets.schema import ColumnType

NEARLY = 0.995
IDENTIFIER_SHARE = 0.99
FEWEST_ROWS = 100
MANY_CATEGORIES = 50
ROWS_PER_CATEGORY = 10
_LONGEST_IDENTIFIER = 64


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about one column that decides what it can be used for."""

    column: str
    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Return the finding as JSON-compatible values."""
        return {"column": self.column, "code": self.code, "message": self.message}


def findings(
    columns: Sequence[SampledColumn], profiles: Mapping[str, Mapping[str, Any]]
) -> tuple[Finding, ...]:
    """Return what is remarkable, column by column.

    Parameters
    ----------
    profiles
        The basic profile of each column (over all rows): ``rows``, ``nulls``, ``distinct``.
    """
    found = []
    for column in columns:
        profile = profiles.get(column.name, {})
        present = int(profile.get("rows", len(column.missing))) - int(profile.get("nulls", 0))
        distinct = int(profile.get("distinct", column.distinct))
        one = _finding(column, present, distinct)
        if one is not None:
            found.append(one)
    return tuple(found)


def _finding(column: SampledColumn, present: int, distinct: int) -> Finding | None:
    name = column.name
    if present == 0 or distinct == 0:
        return Finding(name, "all_null", "It has no values.")
    if distinct == 1:
        return Finding(name, "constant", "It has one value only.")
    share = _largest_share(column)
    if share >= NEARLY:
        return Finding(
            name, "nearly_constant", f"One value makes up {100 * share:.1f} % of its rows."
        )
    if present >= FEWEST_ROWS and distinct >= IDENTIFIER_SHARE * present and _names_rows(column):
        return Finding(
            name, "identifier", f"{distinct:,} different values in {present:,} rows: it names rows."
        )
    is_text = column.column.type is ColumnType.STRING
    if is_text and distinct > MANY_CATEGORIES and present < ROWS_PER_CATEGORY * distinct:
        return Finding(
            name,
            "many_categories",
            f"{distinct:,} categories in {present:,} rows: too few rows of each to learn from.",
        )
    return None


def _largest_share(column: SampledColumn) -> float:
    known = ~column.missing
    if not known.any():
        return 0.0
    if column.codes is not None:
        return float(np.bincount(column.codes[known]).max() / known.sum())
    assert column.numbers is not None
    _, counts = np.unique(column.numbers[known], return_counts=True)
    return float(counts.max() / known.sum())


def _names_rows(column: SampledColumn) -> bool:
    if column.column.type is ColumnType.STRING:
        looked_at = [str(label) for label in column.labels[:1000]]
        return all(
            len(label) <= _LONGEST_IDENTIFIER and not any(c.isspace() for c in label)
            for label in looked_at
        )
    if column.column.type is ColumnType.INTEGER:
        assert column.numbers is not None
        known = column.numbers[~column.missing]
        return bool((np.diff(known) > 0).all())
    return False
