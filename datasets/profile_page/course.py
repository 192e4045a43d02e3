"""The target over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.presentation import number_text
from datasets.profile_page.pictures import COLOURS, WIDTH, Cell, Label


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
    width: int = WIDTH
    height: int = 300
    left: int = 56
    right: int = WIDTH - 12
    top: int = 12
    bottom: int = 230


def course_chart(course: Mapping[str, Any] | None) -> CourseChart | None:
    """Return the picture of the target over time; None when it was not measured."""
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


def _value(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if is_share else number_text(value)
