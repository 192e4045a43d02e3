"""Coordinates of the wealth chart, for a template to put into SVG.

The vertical axis is logarithmic, because wealth multiplies; what leaves the picture is drawn at its
edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 40
#: Decades shown above the threshold, and the fewest below a wealth of one.
_ABOVE, _BELOW = 1.0, 1.0
_LOWEST_DECADE = -4.0
_MAX_POINTS = 600


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place in pixels, and its text."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class WealthChart:
    """Everything that the template draws, in pixels of a ``width`` × ``height`` picture.

    Attributes
    ----------
    gain_path, harm_path
        ``d`` of an SVG path: wealth of who bets on the challenger, and of who bets against it.
    threshold_y, one_y
        Height of the threshold 1/α, and of a wealth of one (where both begin).
    decided_x
        Where the comparison was decided; absent when it was not.
    """

    gain_path: str
    harm_path: str
    threshold_y: float
    one_y: float
    decided_x: float | None
    rows: tuple[Tick, ...]
    wealth: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    middle: int = (LEFT + WIDTH - RIGHT) // 2


def draw(
    gain: Sequence[float],
    harm: Sequence[float],
    *,
    threshold: float,
    decided_after_rows: int | None,
) -> WealthChart | None:
    """Lay out the chart; None where there is no row to draw.

    Examples
    --------
    >>> chart = draw([1.0, 10.0], [1.0, 0.5], threshold=10.0, decided_after_rows=2)
    >>> chart.decided_x == chart.right, chart.gain_path[:2]
    (True, 'M ')
    """
    count = len(gain)
    if count == 0:
        return None
    highest = math.log10(threshold) + _ABOVE
    least = min(*gain, *harm, 1.0)
    lowest = max(math.floor(_decade(least)), _LOWEST_DECADE) if least < 1.0 else -_BELOW

    def x(row: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * row / count, 1)

    def y(wealth: float) -> float:
        decade = min(max(_decade(wealth), lowest), highest)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (highest - decade) / (highest - lowest), 1)

    def path(wealth: Sequence[float]) -> str:
        rows = range(1, count + 1, max(1, math.ceil(count / _MAX_POINTS)))
        points = [(0, 1.0), *((row, wealth[row - 1]) for row in rows), (count, wealth[-1])]
        return "M " + " L ".join(f"{x(row)} {y(value)}" for row, value in points)

    return WealthChart(
        gain_path=path(gain),
        harm_path=path(harm),
        threshold_y=y(threshold),
        one_y=y(1.0),
        decided_x=None if decided_after_rows is None else x(decided_after_rows),
        rows=tuple(Tick(x(row), str(row)) for row in _row_ticks(count)),
        wealth=tuple(
            Tick(y(10.0**decade), f"{10.0**decade:g}")
            for decade in range(math.ceil(lowest), math.floor(highest) + 1)
        ),
    )


def _decade(wealth: float) -> float:
    return math.log10(wealth) if wealth > 0.0 else _LOWEST_DECADE


def _row_ticks(count: int) -> list[int]:
    """Return about five round row numbers from 0 to ``count``."""
    rough = max(1.0, count / 5)
    magnitude = 10 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
    return list(range(0, count + 1, int(step)))
