"""How strongly columns go together: a map, and the strongest pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.profile_page.pictures import NEGATIVE, POSITIVE, WIDTH, Cell, Grid, Label, shortened

_STRENGTHS_SHOWN = 15
_CELL_TEXT_UP_TO = 16
_MEASURES = {
    "spearman": "Spearman ρ",
    "cramers_v": "Cramér V",
    "correlation_ratio": "correlation ratio",
}


@dataclass(frozen=True, slots=True)
class PairLine:
    """One of the strongest pairs."""

    first: str
    second: str
    measure: str
    strength: str
    pearson: str
    rows: str


def association_map(related: Mapping[str, Any]) -> Grid | None:
    """Return the map of all pairs of columns; None with fewer than two of them."""
    names: list[str] = related["columns"]
    if len(names) < 2:
        return None
    left, top = 176, 140
    cell = min(34.0, (WIDTH - left - 8) / len(names))
    place = {name: at for at, name in enumerate(names)}
    cells = []
    for at, name in enumerate(names):
        x = round(left + cell * at, 1)
        y = round(top + cell * at, 1)
        cells.append(Cell(x, y, round(cell - 1, 1), "currentColor", 0.15, name))
    for pair in related["pairs"]:
        strength = pair["strength"]
        title = (
            f"{pair['first']} and {pair['second']}: {_MEASURES[pair['measure']]} {strength:.2f} "
            f"({pair['rows']:,} rows)"
        )
        text = f"{strength:.1f}".replace("0.", ".") if len(names) <= _CELL_TEXT_UP_TO else ""
        if text in (".0", "-.0") or abs(strength) < 0.1:
            text = ""
        for one, other in ((pair["first"], pair["second"]), (pair["second"], pair["first"])):
            cells.append(
                Cell(
                    round(left + cell * place[one], 1),
                    round(top + cell * place[other], 1),
                    round(cell - 1, 1),
                    POSITIVE if strength >= 0 else NEGATIVE,
                    round(abs(strength), 3),
                    title,
                    text,
                )
            )
    said = "; ".join(
        f"{one['first']} and {one['second']} {one['strength']:.2f}"
        for one in _strongest(related)[:5]
    )
    return Grid(
        WIDTH,
        int(top + cell * len(names) + 4),
        tuple(cells),
        tuple(
            Label(round(left + cell * (at + 0.5), 1), top - 6, shortened(name, 20), name)
            for at, name in enumerate(names)
        ),
        tuple(
            Label(left - 6, round(top + cell * (at + 0.5), 1), shortened(name, 24), name)
            for at, name in enumerate(names)
        ),
        description=f"Associations of {len(names)} columns. Strongest: {said}",
    )


def _strongest(related: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(related["pairs"], key=lambda pair: -abs(pair["strength"]))


def associations_note(related: Mapping[str, Any]) -> str:
    """Return which columns are not on the map, and why."""
    reasons = {
        "constant": "constant",
        "too_many_categories": "more than 200 categories",
        "too_many_columns": "beyond the first 60",
    }
    left_out = [f"{one['column']} ({reasons[one['reason']]})" for one in related["skipped"]]
    if not left_out:
        return ""
    more = f" and {len(left_out) - 8} more" if len(left_out) > 8 else ""
    return f"Left out: {', '.join(left_out[:8])}{more}."


def pair_lines(related: Mapping[str, Any]) -> tuple[PairLine, ...]:
    """Return the strongest pairs, the strongest first."""
    return tuple(
        PairLine(
            pair["first"],
            pair["second"],
            _MEASURES[pair["measure"]],
            f"{pair['strength']:.3f}",
            f"{pair['pearson']:.3f}" if pair.get("pearson") is not None else "",
            f"{pair['rows']:,}",
        )
        for pair in _strongest(related)[:_STRENGTHS_SHOWN]
    )
