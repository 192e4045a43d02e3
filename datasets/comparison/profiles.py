"""What differs between the profiles of two versions, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_VALUES = 10
_NUMBERS = ("nulls", "null_fraction", "distinct", "mean", "std")


def compare_profiles(base: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one entry for each column of both profiles in which something differs.

    An entry has ``column`` and, each as ``{"old", "new"}``, those of nulls, null_fraction, distinct, mean and
    std that differ; ``quantiles`` (with ``p``) and ``top`` (with ``value``; counts, None where a value is not
    among the most frequent of one side).
    """
    before = {column["name"]: column for column in base.get("columns", ())}
    changes = []
    for new in other.get("columns", ()):
        old = before.get(new["name"])
        if old is None:
            continue
        entry = _changes(old, new)
        if entry:
            changes.append({"column": new["name"], **entry})
    return changes


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: {"old": old.get(key), "new": new.get(key)}
        for key in _NUMBERS
        if old.get(key) != new.get(key)
    }
    quantiles = _paired(_quantiles(old), _quantiles(new), "p")
    if quantiles:
        found["quantiles"] = quantiles
    top = _paired(_counts(old), _counts(new), "value")
    if top:
        found["top"] = sorted(top, key=_size, reverse=True)[:_MOST_VALUES]
    return found


def _quantiles(column: Mapping[str, Any]) -> dict[Any, Any]:
    return {item["p"]: item["value"] for item in column.get("quantiles", ())}


def _counts(column: Mapping[str, Any]) -> dict[Any, Any]:
    return {item["value"]: item["count"] for item in column.get("top", ())}


def _paired(old: Mapping[Any, Any], new: Mapping[Any, Any], name: str) -> list[dict[str, Any]]:
    return [
        {name: key, "old": old.get(key), "new": new.get(key)}
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _size(entry: Mapping[str, Any]) -> int:
    return abs(int(entry["new"] or 0) - int(entry["old"] or 0))
