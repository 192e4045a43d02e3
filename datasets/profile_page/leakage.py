"""What tells the target: suspects, and how well single columns do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.profile_page.pictures import Bars, HorizontalBar, shortened

_SKILLS_SHOWN = 15
_REASONS = {
    "copy": "copy of the target",
    "part_of_target": "part of the target",
    "near_certain": "almost certain alone",
    "stands_out": "stands out",
    "missing_tells": "its gaps tell",
    "identifier": "names rows",
}
_NO_LEAKAGE = {
    "too_few_rows": "Fewer than 100 rows have a target: too little to measure.",
    "too_many_classes": "The target has more than 20 classes; leakage is not measured then.",
    "one_class": "The target has one value only.",
}


@dataclass(frozen=True, slots=True)
class SuspectLine:
    """A suspect as the table shows it."""

    column: str
    reason: str
    message: str
    skill: str


def suspect_lines(leakage: Mapping[str, Any] | None) -> tuple[SuspectLine, ...]:
    """Return the suspects as the table shows them."""
    if leakage is None:
        return ()
    return tuple(
        SuspectLine(
            one["column"],
            _REASONS.get(one["reason"], one["reason"]),
            one["message"],
            "–" if one["skill"] is None else f"{one['skill']:.2f}",
        )
        for one in leakage["suspects"]
    )


def no_leakage_note(leakage: Mapping[str, Any] | None) -> str:
    """Return why nothing was measured; empty when something was."""
    if leakage is None:
        return "Choose a target above: then the columns are measured against it."
    return _NO_LEAKAGE.get(leakage["verdict"], "")


def skill_bars(leakage: Mapping[str, Any] | None) -> Bars | None:
    """Return the picture of how well each column alone tells the target."""
    if leakage is None or not leakage["skills"]:
        return None
    marked = {one["column"] for one in leakage["suspects"]}
    shown = leakage["skills"][:_SKILLS_SHOWN]
    bars = tuple(
        HorizontalBar(
            shortened(one["column"], 26),
            one["column"],
            f"{one['skill']:.2f}",
            8.0 + 22 * at,
            round(380 * one["skill"], 1),
            one["column"] in marked,
        )
        for at, one in enumerate(shown)
    )
    said = ", ".join(f"{one['column']} {one['skill']:.2f}" for one in shown)
    return Bars(16 + 22 * len(bars), bars, f"Skill of single columns at the target: {said}")
