"""Checks that a version's schema and profile suggest: what held in this version, with some room."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datasets.checking.kinds import CheckSpec, checked_spec, coerce_moment
from datasets.schema import Column, ColumnType, Role, Schema

#: Text with at most so many values is taken for a closed set; with up to the second number for categories.
MOST_SET_VALUES = 12
MOST_CATEGORIES = 500
#: A range is widened by this share of its width on each side.
ROOM = 0.1
_FEWEST_ROWS = 50
#: Freshness is suggested when the newest time was at most so old.
_FRESH_HOURS = 7 * 24.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A check that could be made, and why."""

    spec: CheckSpec
    severity: str
    reason: str

    @property
    def key(self) -> str:
        """The same for the same kind, columns and parameters."""
        said = [self.spec.kind, list(self.spec.columns), dict(self.spec.parameters)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def suggest_checks(
    schema: Schema,
    profile: Mapping[str, Any],
    *,
    row_count: int,
    at: datetime,
    present: Sequence[CheckSpec] = (),
) -> list[Suggestion]:
    """Return what could be checked of later versions; not what is checked already.

    Parameters
    ----------
    profile
        As ``TableProfile.to_dict`` gives it.
    at
        When the version was ingested.
    present
        The checks that there are; a suggestion of the same kind for the same columns is left out.
    """
    profiles = {one["name"]: one for one in profile.get("columns", ())}
    known = {(one.kind, frozenset(one.columns)) for one in present}
    covered = {(one.kind, name) for one in present for name in one.columns}
    found = []
    for one in _suggestions(schema, profiles, row_count, at):
        kind, columns = one.spec.kind, one.spec.columns
        if (kind, frozenset(columns)) in known:
            continue
        if columns and kind != "uniqueness" and all((kind, name) in covered for name in columns):
            continue
        found.append(one)
    return found


def _suggestions(
    schema: Schema, profiles: Mapping[str, Any], rows: int, at: datetime
) -> Iterator[Suggestion]:
    yield _made("duplicates", [], {}, "warning", "Rows that are there twice are usually a mistake.")
    if rows:
        wanted = {"minimum": max(1, rows // 2), "max_change_fraction": 0.5}
        reason = f"This version has {rows:,} rows; half as many would be strange."
        yield _made("row_count", [], wanted, "warning", reason)
    yield from _completeness(schema, profiles)
    for column in schema:
        one = profiles.get(column.name)
        if one is not None and column.role is not Role.IGNORED:
            yield from _of_column(column, one, rows, at)
    categories = [
        column.name
        for column in schema
        if column.type is ColumnType.STRING
        and MOST_SET_VALUES < profiles.get(column.name, {}).get("distinct", 0) <= MOST_CATEGORIES
        and profiles[column.name]["distinct"] * 2 <= rows
    ]
    if categories:
        reason = "A model has no answer for categories that it never saw."
        yield _made("new_categories", categories, {}, "warning", reason)
    if rows >= _FEWEST_ROWS:
        reason = "Tells when later rows are other than these, surely and by much."
        yield _made("drift", [], {}, "warning", reason)


def _completeness(schema: Schema, profiles: Mapping[str, Any]) -> Iterator[Suggestion]:
    full = [c.name for c in schema if profiles.get(c.name, {}).get("nulls") == 0]
    if full:
        reason = f"{len(full)} column(s) have a value in every row."
        yield _made("completeness", full, {}, "warning", reason)
    for column in schema:
        share = profiles.get(column.name, {}).get("null_fraction", 0.0)
        if 0 < share < 0.5:
            most = min(1.0, math.ceil(200 * share) / 100)
            reason = f"{share:.1%} of the values are missing now."
            limits = {"max_null_fraction": most}
            yield _made("completeness", [column.name], limits, "warning", reason)


def _of_column(
    column: Column, profile: Mapping[str, Any], rows: int, at: datetime
) -> Iterator[Suggestion]:
    name, distinct = column.name, profile.get("distinct", 0)
    is_key = column.role in (Role.IDENTIFIER, Role.SUBJECT_KEY)
    if column.role is Role.IDENTIFIER and rows > 1:
        yield from _uniqueness(name, profile)
    if is_key:
        return
    if column.type in (ColumnType.INTEGER, ColumnType.NUMBER) and distinct > 2:
        yield from _range(column, profile)
    if column.type is ColumnType.STRING and 1 <= distinct <= MOST_SET_VALUES <= rows / 4:
        values = [item["value"] for item in profile.get("top", ())]
        if len(values) == distinct and all(isinstance(v, str) and len(v) < 100 for v in values):
            reason = f"{distinct} value(s) occur."
            yield _made("set", [name], {"values": sorted(values)}, "warning", reason)
    if column.role is Role.TIMESTAMP:
        yield from _freshness(name, profile, at)


def _uniqueness(name: str, profile: Mapping[str, Any]) -> Iterator[Suggestion]:
    is_unique = profile.get("is_unique", False)
    if is_unique:
        reason = "An identifier with a value of its own a row."
        yield _made("uniqueness", [name], {}, "error", reason)
    elif is_unique is None:
        reason = "An identifier without repetitions in a sample of the rows; the check counts all of them."
        yield _made("uniqueness", [name], {}, "warning", reason)


def _range(column: Column, profile: Mapping[str, Any]) -> Iterator[Suggestion]:
    levels = {item["p"]: item["value"] for item in profile.get("quantiles", ())}
    low, high = levels.get(0.0), levels.get(1.0)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return
    room = ROOM * (high - low)
    least = max(0.0, low - room) if low >= 0 else low - room
    ends = (least, high + room)
    if not all(math.isfinite(end) for end in ends):
        return
    if column.type is ColumnType.INTEGER:
        wanted: dict[str, Any] = {"minimum": math.floor(ends[0]), "maximum": math.ceil(ends[1])}
    else:
        wanted = {"minimum": _rounded(ends[0]), "maximum": _rounded(ends[1])}
        if not wanted["minimum"] <= low <= high <= wanted["maximum"]:
            wanted = {"minimum": ends[0], "maximum": ends[1]}
    reason = f"{low:,.6g} to {high:,.6g} occur; a tenth of that is left as room."
    yield _made("range", [column.name], wanted, "warning", reason)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _freshness(name: str, profile: Mapping[str, Any], at: datetime) -> Iterator[Suggestion]:
    levels = {item["p"]: item["value"] for item in profile.get("quantiles", ())}
    newest = levels.get(1.0)
    if not isinstance(newest, str):
        return
    age = (at - coerce_moment(newest)).total_seconds() / 3600
    if 0 <= age <= _FRESH_HOURS:
        reason = f"The newest time was {age:,.1f} hours old."
        wanted = {"max_age_hours": float(math.ceil(2 * age) or 1)}
        yield _made("freshness", [name], wanted, "warning", reason)


def _made(
    kind: str, columns: Sequence[str], parameters: Mapping[str, Any], severity: str, reason: str
) -> Suggestion:
    return Suggestion(checked_spec(kind, list(columns), dict(parameters)), severity, reason)
