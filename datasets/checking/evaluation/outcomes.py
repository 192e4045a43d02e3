"""What a check is carried out on, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from datasets.checking.kinds import CheckSpec
from datasets.checking.tables import CheckedTable, Tables


class CheckVerdict(StrEnum):
    """What a check came to; "error" says that it could not be carried out."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ENOUGH_DATA = "not_enough_data"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found.

    Attributes
    ----------
    checked_count, failed_count
        Values (or rows) looked at, and those that break the rule; None where nothing is counted.
    observed
        What was measured, JSON-compatible; for many kinds one entry for each column.
    samples
        At most 20 offending rows: ``row`` (from 1) and ``values``.
    """

    verdict: CheckVerdict
    message: str
    checked_count: int | None = None
    failed_count: int | None = None
    observed: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check is carried out on.

    Attributes
    ----------
    at
        When the version was ingested.
    baseline
        Gives the version of a number, or the one before; None when there is none.
    other
        Gives the newest version of another dataset by its name; None when there is none.
    """

    tables: Tables
    rows: CheckedTable
    at: datetime
    baseline: Callable[[int | None], CheckedTable | None]
    other: Callable[[str], CheckedTable | None]


NOTHING_BEFORE = "There is no version to compare with."


def baseline_number(spec: CheckSpec) -> int | None:
    """Return the version that a check compares with; None for the one before."""
    number = spec.parameters["against_version"]
    return None if number is None else int(number)


def names_in_words(columns: Sequence[str]) -> str:
    """Return the first five columns, and how many more there are."""
    shown = ", ".join(repr(name) for name in columns[:5])
    return shown + (f" and {len(columns) - 5} more" if len(columns) > 5 else "")


def with_context(columns: Sequence[str], rows: CheckedTable) -> list[str]:
    """Return the columns, and what tells a reader which row it is: the dataset's identifiers."""
    keys = [c.name for c in rows.schema if c.role.value in ("identifier", "timestamp")]
    return list(dict.fromkeys([*columns, *keys[:3]]))
