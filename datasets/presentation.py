"""Profiles prepared for a page: numbers as text, bars as percentages. No HTML is made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.exactness import EXACT_COUNTS, EXACT_DISTINCT


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, its count as text, and its length in percent of the longest."""

    label: str
    count: str
    percent: float


@dataclass(frozen=True, slots=True)
class ColumnCard:
    """What the page says about one column."""

    name: str
    type: str
    role: str
    nulls: str
    null_percent: float
    distinct: str
    facts: tuple[tuple[str, str], ...]
    histogram: tuple[Bar, ...]
    top: tuple[Bar, ...]
    notes: tuple[str, ...]


def column_cards(
    schema: Mapping[str, Any], profile: Mapping[str, Any], *, most_values: int = 8
) -> list[ColumnCard]:
    """Return one card per column of a stored profile."""
    roles = {column["name"]: column.get("role", "") for column in schema.get("columns", ())}
    notes: dict[str, list[str]] = {}
    for note in profile.get("notes", ()):
        notes.setdefault(note["column"], []).append(note["message"])
    return [
        _card(column, roles.get(column["name"], ""), notes.get(column["name"], []), most_values)
        for column in profile.get("columns", ())
    ]


def _card(
    column: Mapping[str, Any], role: str, notes: Sequence[str], most_values: int
) -> ColumnCard:
    values = list(column.get("top", ()))
    shown = [(_text(item["value"]), item["count"]) for item in values[:most_values]]
    rest = column.get("other_count", 0) + sum(item["count"] for item in values[most_values:])
    if rest:
        shown.append(("other values", rest))
    bins = [
        (f"{_text(item['low'])} to {_text(item['high'])}", item["count"])
        for item in column.get("histogram", ())
    ]
    return ColumnCard(
        name=column["name"],
        type=column["type"],
        role=role,
        nulls=f"{column['nulls']:,}",
        null_percent=round(100 * column["null_fraction"], 1),
        distinct=_distinct(column),
        facts=tuple(_facts(column)),
        histogram=_bars(bins),
        top=_bars(shown),
        notes=(*notes, *_estimates(column)),
    )


def _distinct(column: Mapping[str, Any]) -> str:
    count = int(column["distinct"])
    return f"{'≈ ' if column.get('is_estimate') and count > EXACT_DISTINCT else ''}{count:,}"


def _estimates(column: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of a sample of the rows only."""
    if not column.get("is_estimate"):
        return
    if column.get("is_unique", False) is None:
        yield "No value occurs twice in a sample of the rows; whether any does was not counted."
    if column.get("histogram"):
        yield "Quantiles and histogram are estimated from a sample of the rows."
    if column.get("top") and column["distinct"] > EXACT_COUNTS:
        yield "How often the most frequent values occur is estimated from a sample of the rows."


def _facts(column: Mapping[str, Any]) -> list[tuple[str, str]]:
    levels = {item["p"]: item["value"] for item in column.get("quantiles", ())}
    facts = [
        (name, _text(levels[p]))
        for name, p in (("min", 0.0), ("25 %", 0.25), ("median", 0.5), ("75 %", 0.75), ("max", 1.0))
        if p in levels
    ]
    if column.get("mean") is not None:
        facts.append(("mean", _text(column["mean"])))
    if column.get("std") is not None:
        facts.append(("std", _text(column["std"])))
    if column.get("longest") is not None:
        facts.append(("length", f"{column['shortest']} to {column['longest']} characters"))
    return facts


def _bars(items: Sequence[tuple[str, int]]) -> tuple[Bar, ...]:
    longest = max((count for _, count in items), default=0) or 1
    return tuple(
        Bar(label, f"{count:,}", round(100 * count / longest, 1)) for label, count in items
    )


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 2**64:
        return f"{value:,}"
    if isinstance(value, int):  # a double that PostgreSQL made whole
        value = float(value)
    if isinstance(value, float):
        return number_text(value)
    text = str(value)
    if text == "":
        return "(empty text)"
    return text.removesuffix("+00:00").replace("T", " ") if _is_moment(text) else text


def _is_moment(text: str) -> bool:
    return text.endswith("+00:00") and text[4:5] == "-"


def number_text(value: float) -> str:
    """Return a number as a person reads it: four digits, and all before the point up to a quadrillion."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}"


def size_text(size_bytes: int | None) -> str:
    """Return a size as a person reads it, in steps of 1,000."""
    if size_bytes is None:
        return "–"
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
