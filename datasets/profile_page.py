"""A deep profile as a person reads it: sentences, and pictures as coordinates for a template's SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH = 1040
_STRENGTHS_SHOWN = 15
_SKILLS_SHOWN = 15
_CELL_TEXT_UP_TO = 16
#: Shorter ones are categories; how long they are says nothing.
_FREE_TEXT_CHARACTERS = 20

#: Readable on white and on black: violet, orange, green, blue, pink.
COLOURS = ("#8b5cf6", "#ea7317", "#22a06b", "#3b82f6", "#db4d94")
_POSITIVE, _NEGATIVE = "#d9480f", "#1c7ed6"

_REASONS = {
    "copy": "copy of the target",
    "part_of_target": "part of the target",
    "near_certain": "almost certain alone",
    "stands_out": "stands out",
    "missing_tells": "its gaps tell",
    "identifier": "names rows",
}
_MEASURES = {
    "spearman": "Spearman ρ",
    "cramers_v": "Cramér V",
    "correlation_ratio": "correlation ratio",
}
_NO_LEAKAGE = {
    "too_few_rows": "Fewer than 100 rows have a target: too little to measure.",
    "too_many_classes": "The target has more than 20 classes; leakage is not measured then.",
    "one_class": "The target has one value only.",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle: where it is, how it is coloured, what it says."""

    x: float
    y: float
    size: float
    colour: str
    opacity: float
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A text in a picture."""

    x: float
    y: float
    text: str
    full: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture of cells with names above and at the left."""

    width: int
    height: int
    cells: tuple[Cell, ...]
    columns: tuple[Label, ...]
    lines: tuple[Label, ...]
    bars: tuple[HorizontalBar, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class HorizontalBar:
    """A bar from the left, with its name before and its number behind it."""

    name: str
    full: str
    text: str
    y: float
    width: float
    is_marked: bool = False
    x: float = 0.0


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of horizontal bars."""

    height: int
    bars: tuple[HorizontalBar, ...]
    description: str
    width: int = 640


@dataclass(frozen=True, slots=True)
class Line:
    """One class or mean over time: its path, the area of its limits, and its points."""

    name: str
    colour: str
    path: str
    band: str
    points: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class CourseChart:
    """The target's course."""

    lines: tuple[Line, ...]
    ticks: tuple[Label, ...]
    periods: tuple[Label, ...]
    volumes: tuple[Cell, ...]
    description: str
    note: str
    width: int = _WIDTH
    height: int = 300
    left: int = 56
    right: int = _WIDTH - 12
    top: int = 12
    bottom: int = 230


@dataclass(frozen=True, slots=True)
class SuspectLine:
    """A suspect as the table shows it."""

    column: str
    reason: str
    message: str
    skill: str


@dataclass(frozen=True, slots=True)
class PairLine:
    """One of the strongest pairs."""

    first: str
    second: str
    measure: str
    strength: str
    pearson: str
    rows: str


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
        suspects=_suspects(document["leakage"]),
        no_leakage=_no_leakage(document["leakage"]),
        skills=_skills(document["leakage"]),
        course=_course(document["over_time"]),
        gaps=_gaps(document["missingness"], rows),
        gaps_note=_gaps_note(document["missingness"]),
        heat=_heat(document["associations"]),
        heat_note=_heat_note(document["associations"]),
        pairs=_pairs(document["associations"]),
        duplicates=_duplicates(document["duplication"]),
        duplicates_note=_duplicates_note(document["duplication"]),
        findings=tuple((one["column"], one["message"]) for one in document["findings"]),
        texts=tuple(
            _text(one) for one in document["texts"] if one["longest"] >= _FREE_TEXT_CHARACTERS
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


def _suspects(leakage: Mapping[str, Any] | None) -> tuple[SuspectLine, ...]:
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


def _no_leakage(leakage: Mapping[str, Any] | None) -> str:
    if leakage is None:
        return "Choose a target above: then the columns are measured against it."
    return _NO_LEAKAGE.get(leakage["verdict"], "")


def _skills(leakage: Mapping[str, Any] | None) -> Bars | None:
    if leakage is None or not leakage["skills"]:
        return None
    marked = {one["column"] for one in leakage["suspects"]}
    shown = leakage["skills"][:_SKILLS_SHOWN]
    bars = tuple(
        HorizontalBar(
            _short(one["column"], 26),
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


def _course(course: Mapping[str, Any] | None) -> CourseChart | None:
    if course is None or not course["periods"]:
        return None
    periods: Sequence[Mapping[str, Any]] = course["periods"]
    limits = [
        float(value)
        for period in periods
        for value in (*period["values"], *period["lows"], *period["highs"])
        if value is not None
    ]
    is_share = course["kind"] == "share"
    low, high = (0.0, min(1.0, 1.08 * max(limits))) if is_share else (min(limits), max(limits))
    if low == high:
        low, high = low - 1.0, high + 1.0
    chart = CourseChart((), (), (), (), "", "")
    step = (chart.right - chart.left) / len(periods)
    middles = [round(chart.left + step * (at + 0.5), 1) for at in range(len(periods))]

    def y(value: float) -> float:
        return round(chart.bottom - (chart.bottom - chart.top) * (value - low) / (high - low), 1)

    ticks = [low + (high - low) * part / 4 for part in range(5)]
    most = max(period["rows"] for period in periods) or 1
    every = max(1, -(-len(periods) // 9))
    called = [period["label"].removeprefix("rows ").partition(" to ")[0] for period in periods]
    what = "Share of rows" if is_share else f"Mean of {course['target']}"
    first, last = periods[0], periods[-1]
    said = "; ".join(
        f"{name}: {_value(first['values'][at], is_share)} in {first['label']}, "
        f"{_value(last['values'][at], is_share)} in {last['label']}"
        for at, name in enumerate(course["series"])
    )
    return CourseChart(
        lines=tuple(
            _line(at, name, periods, middles, y, is_share=is_share)
            for at, name in enumerate(course["series"])
        ),
        ticks=tuple(Label(0, y(tick), _value(tick, is_share)) for tick in ticks),
        periods=tuple(Label(middles[at], 0, called[at]) for at in range(0, len(periods), every)),
        volumes=tuple(
            Cell(
                round(middles[at] - step * 0.4, 1),
                round(280 - 40 * period["rows"] / most, 1),
                round(40 * period["rows"] / most, 1),
                "currentColor",
                round(step * 0.8, 1),
                f"{period['label']}: {period['rows']:,} rows",
            )
            for at, period in enumerate(periods)
        ),
        description=f"{what} over time, by {course['by'] or 'the order of the rows'}: {said}",
        note=_course_note(course),
    )


def _line(
    at: int,
    name: str,
    periods: Sequence[Mapping[str, Any]],
    middles: Sequence[float],
    y: Callable[[float], float],
    *,
    is_share: bool,
) -> Line:
    known = [which for which, period in enumerate(periods) if period["values"][at] is not None]
    points = tuple(
        Label(
            middles[which],
            y(periods[which]["values"][at]),
            f"{periods[which]['label']}: {name} {_value(periods[which]['values'][at], is_share)} "
            f"of {periods[which]['rows']:,} rows",
        )
        for which in known
    )
    bounded = [which for which in known if periods[which]["lows"][at] is not None]
    there = [f"{middles[which]} {y(periods[which]['highs'][at])}" for which in bounded]
    back = [f"{middles[which]} {y(periods[which]['lows'][at])}" for which in reversed(bounded)]
    return Line(
        name,
        COLOURS[at % len(COLOURS)],
        "M " + " L ".join(f"{point.x} {point.y}" for point in points) if points else "",
        "M " + " L ".join([*there, *back]) + " Z" if there else "",
        points,
    )


def _course_note(course: Mapping[str, Any]) -> str:
    by = (
        f"by {course['unit']} of {course['by']}"
        if course["by"]
        else "in stretches of equal length, in the order of the rows (there is no timestamp column)"
    )
    limits = "95 % Wilson interval" if course["kind"] == "share" else "mean ± 1.96 standard errors"
    return f"{by[0].upper()}{by[1:]}. Shaded: {limits}. Below: rows in each period."


def _gaps(missing: Mapping[str, Any], rows: int) -> Grid | None:
    names = [one["name"] for one in missing["columns"]]
    if not names:
        return None
    # The columns with most gaps, in the order of the table.
    most = sorted(missing["columns"], key=lambda one: -one["nulls"])[:40]
    kept = {one["name"] for one in most}
    names = [name for name in names if name in kept]
    left, top = 120, 116
    cell = min(28.0, (_WIDTH - left - 190) / len(names))
    height = 24.0
    patterns = missing["patterns"]
    lines = [
        (f"{100 * missing['complete_rows'] / max(1, rows):.1f} %", missing["complete_rows"], set()),
        *((f"{100 * p['share']:.2f} %", p["rows"], set(p["columns"])) for p in patterns),
    ]
    longest = max(count for _, count, _ in lines) or 1
    bar_left = left + cell * len(names) + 16
    cells, labels, bars = [], [], []
    for at, (said, count, gone) in enumerate(lines):
        y = top + height * at
        labels.append(Label(left - 10, y + height / 2, said))
        bars.append(
            HorizontalBar(
                "", "", f"{count:,}", y + 4, round(90 * count / longest, 1), x=round(bar_left, 1)
            )
        )
        for place, name in enumerate(names):
            is_gone = name in gone
            cells.append(
                Cell(
                    round(left + cell * place, 1),
                    round(y, 1),
                    round(cell - 2, 1),
                    _POSITIVE if is_gone else "currentColor",
                    0.85 if is_gone else 0.08,
                    f"{name} {'missing' if is_gone else 'present'} in {count:,} rows",
                )
            )
    shares = {one["name"]: one["share"] for one in missing["columns"]}
    said = ", ".join(f"{name} {100 * shares[name]:.1f} %" for name in names[:12])
    return Grid(
        _WIDTH,
        int(top + height * len(lines) + 8),
        tuple(cells),
        tuple(
            Label(
                round(left + cell * (place + 0.5), 1),
                top - 8,
                f"{_short(name, 16)} {100 * shares[name]:.1f} %",
                name,
            )
            for place, name in enumerate(names)
        ),
        tuple(labels),
        tuple(bars),
        f"Missing values by pattern. Share missing: {said}",
    )


def _gaps_note(missing: Mapping[str, Any]) -> str:
    if not missing["columns"]:
        return "No value is missing."
    shown = len(missing["patterns"])
    more = missing["pattern_count"] - shown
    note = f"{missing['pattern_count']:,} combinations of missing columns"
    if not missing["is_exact"]:
        note = f"More than {missing['pattern_count']:,} combinations of missing columns (rare ones were not kept)"
    return note + (f"; the {shown} most frequent are shown." if more > 0 else ".")


def _heat(related: Mapping[str, Any]) -> Grid | None:
    names: list[str] = related["columns"]
    if len(names) < 2:
        return None
    left, top = 176, 140
    cell = min(34.0, (_WIDTH - left - 8) / len(names))
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
                    _POSITIVE if strength >= 0 else _NEGATIVE,
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
        _WIDTH,
        int(top + cell * len(names) + 4),
        tuple(cells),
        tuple(
            Label(round(left + cell * (at + 0.5), 1), top - 6, _short(name, 20), name)
            for at, name in enumerate(names)
        ),
        tuple(
            Label(left - 6, round(top + cell * (at + 0.5), 1), _short(name, 24), name)
            for at, name in enumerate(names)
        ),
        description=f"Associations of {len(names)} columns. Strongest: {said}",
    )


def _strongest(related: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(related["pairs"], key=lambda pair: -abs(pair["strength"]))


def _heat_note(related: Mapping[str, Any]) -> str:
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


def _pairs(related: Mapping[str, Any]) -> tuple[PairLine, ...]:
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


def _duplicates(duplication: Mapping[str, Any] | None) -> tuple[DuplicateLine, ...]:
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


def _duplicates_note(duplication: Mapping[str, Any] | None) -> str:
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


def _text(text: Mapping[str, Any]) -> TextLine:
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


def _value(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_share else f"{value:,.4g}"


def _short(name: str, characters: int) -> str:
    return name if len(name) <= characters else name[: characters - 1] + "…"
