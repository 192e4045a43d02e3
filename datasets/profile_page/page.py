"""Everything that the page of a deep profile shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.profile_page.associations import (
    PairLine,
    association_map,
    associations_note,
    pair_lines,
)
from datasets.profile_page.course import CourseChart, course_chart
from datasets.profile_page.gaps import gap_map, gaps_note
from datasets.profile_page.leakage import SuspectLine, no_leakage_note, skill_bars, suspect_lines
from datasets.profile_page.pictures import Bars, Grid
from datasets.profile_page.rows import (
    DuplicateLine,
    TextLine,
    duplicate_lines,
    duplicates_note,
    text_line,
)

#: Shorter ones are categories; how long they are says nothing.
_FREE_TEXT_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """Everything that the page of a deep profile shows."""

    sample: str
    facts: tuple[tuple[str, str, str], ...]
    target: str
    suspects: tuple[SuspectLine, ...]
    no_leakage: str
    skills: Bars | None
    course: CourseChart | None
    gaps: Grid | None
    gaps_note: str
    heat: Grid | None
    heat_note: str
    pairs: tuple[PairLine, ...]
    duplicates: tuple[DuplicateLine, ...]
    duplicates_note: str
    findings: tuple[tuple[str, str], ...]
    texts: tuple[TextLine, ...]


def profile_page(document: Mapping[str, Any]) -> ProfilePage:
    """Return what the page shows of a stored document."""
    rows = int(document["row_count"])
    return ProfilePage(
        sample=_sample(document),
        facts=_facts(document),
        target=document["target"] or "",
        suspects=suspect_lines(document["leakage"]),
        no_leakage=no_leakage_note(document["leakage"]),
        skills=skill_bars(document["leakage"]),
        course=course_chart(document["over_time"]),
        gaps=gap_map(document["missingness"], rows),
        gaps_note=gaps_note(document["missingness"]),
        heat=association_map(document["associations"]),
        heat_note=associations_note(document["associations"]),
        pairs=pair_lines(document["associations"]),
        duplicates=duplicate_lines(document["duplication"]),
        duplicates_note=duplicates_note(document["duplication"]),
        findings=tuple((one["column"], one["message"]) for one in document["findings"]),
        texts=tuple(
            text_line(one) for one in document["texts"] if one["longest"] >= _FREE_TEXT_CHARACTERS
        ),
    )


def _sample(document: Mapping[str, Any]) -> str:
    if not document["is_sampled"]:
        return "Everything on this page was measured over all rows."
    return (
        "Gaps, duplicates, lengths and the target's course were measured over all "
        f"{document['row_count']:,} rows; associations, leakage and remarks over a random sample of "
        f"{document['sample_rows']:,}."
    )


def _facts(document: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    rows = int(document["row_count"]) or 1
    complete = int(document["missingness"]["complete_rows"])
    duplication = document["duplication"]
    surplus = "not measured" if duplication is None else f"{duplication['surplus_rows']:,}"
    leakage = document["leakage"]
    suspects = "–" if leakage is None else str(len(leakage["suspects"]))
    return (
        ("Rows", f"{document['row_count']:,}", ""),
        ("Rows without gaps", f"{100 * complete / rows:.1f} %", f"{complete:,}"),
        ("Columns with gaps", str(len(document["missingness"]["columns"])), ""),
        ("Surplus duplicates", surplus, ""),
        ("Leakage suspects", suspects, "" if leakage is not None else "no target"),
    )
