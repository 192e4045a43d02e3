"""Rows that stand twice, and how long texts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DuplicateLine:
    """A group of equal rows: how many, their numbers, and where the first stands (from 0)."""

    count: int
    numbers: str
    first_offset: int


@dataclass(frozen=True, slots=True)
class TextLine:
    """How long the texts of a column are."""

    column: str
    summary: str
    bars: tuple[tuple[float, str], ...]


def duplicate_lines(duplication: Mapping[str, Any] | None) -> tuple[DuplicateLine, ...]:
    """Return the groups of equal rows that are shown."""
    if duplication is None:
        return ()
    return tuple(
        DuplicateLine(
            one["count"],
            ", ".join(f"{number:,}" for number in one["row_numbers"])
            + (" …" if one["count"] > len(one["row_numbers"]) else ""),
            one["row_numbers"][0] - 1,
        )
        for one in duplication["examples"]
    )


def duplicates_note(duplication: Mapping[str, Any] | None) -> str:
    """Return how many rows repeat others."""
    if duplication is None:
        return "Not measured: the version has more than 40 million rows."
    ignored = duplication["columns_ignored"]
    apart = f" (identifiers not compared: {', '.join(ignored)})" if ignored else ""
    if not duplication["groups"]:
        return f"No row occurs twice{apart}."
    groups = duplication["groups"]
    surplus = duplication["surplus_rows"]
    return (
        f"{groups:,} {'row occurs' if groups == 1 else 'rows occur'} more than once{apart}; {surplus:,} "
        f"{'row' if surplus == 1 else 'rows'} ({100 * duplication['share']:.2g} %) would go if one of "
        "each were kept."
    )


def text_line(text: Mapping[str, Any]) -> TextLine:
    """Return how long the texts of a column are."""
    most = max(one["count"] for one in text["histogram"]) or 1
    empty = f", {text['empty']:,} empty" if text["empty"] else ""
    return TextLine(
        text["column"],
        f"median {text['median']}, 95 % up to {text['p95']}, longest {text['longest']:,} characters{empty}",
        tuple(
            (
                round(100 * one["count"] / most, 1),
                f"{one['low']} to {one['high']} characters: {one['count']:,}",
            )
            for one in text["histogram"]
        ),
    )
