"""Missing values, by the columns that miss together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.profile_page.pictures import (
    POSITIVE,
    WIDTH,
    Cell,
    Grid,
    HorizontalBar,
    Label,
    shortened,
)


def gap_map(missing: Mapping[str, Any], rows: int) -> Grid | None:
    """Return the picture of which columns miss together; None when nothing is missing."""
    names = [one["name"] for one in missing["columns"]]
    if not names:
        return None
    # The columns with most gaps, in the order of the table.
    most = sorted(missing["columns"], key=lambda one: -one["nulls"])[:40]
    kept = {one["name"] for one in most}
    names = [name for name in names if name in kept]
    left, top = 120, 116
    cell = min(28.0, (WIDTH - left - 190) / len(names))
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
                    POSITIVE if is_gone else "currentColor",
                    0.85 if is_gone else 0.08,
                    f"{name} {'missing' if is_gone else 'present'} in {count:,} rows",
                )
            )
    shares = {one["name"]: one["share"] for one in missing["columns"]}
    said = ", ".join(f"{name} {100 * shares[name]:.1f} %" for name in names[:12])
    return Grid(
        WIDTH,
        int(top + height * len(lines) + 8),
        tuple(cells),
        tuple(
            Label(
                round(left + cell * (place + 0.5), 1),
                top - 8,
                f"{shortened(name, 16)} {100 * shares[name]:.1f} %",
                name,
            )
            for place, name in enumerate(names)
        ),
        tuple(labels),
        tuple(bars),
        f"Missing values by pattern. Share missing: {said}",
    )


def gaps_note(missing: Mapping[str, Any]) -> str:
    """Return how many combinations of missing columns there are, and how many are shown."""
    if not missing["columns"]:
        return "No value is missing."
    shown = len(missing["patterns"])
    more = missing["pattern_count"] - shown
    note = f"{missing['pattern_count']:,} combinations of missing columns"
    if not missing["is_exact"]:
        note = f"More than {missing['pattern_count']:,} combinations of missing columns (rare ones were not kept)"
    return note + (f"; the {shown} most frequent are shown." if more > 0 else ".")
