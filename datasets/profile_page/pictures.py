"""Pictures as coordinates for a template's SVG: cells, bars, lines."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH = 1040
#: Readable on white and on black: violet, orange, green, blue, pink.
COLOURS = ("#8b5cf6", "#ea7317", "#22a06b", "#3b82f6", "#db4d94")
POSITIVE, NEGATIVE = "#d9480f", "#1c7ed6"


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


def shortened(name: str, characters: int) -> str:
    """Return a name of so many characters at most."""
    return name if len(name) <= characters else name[: characters - 1] + "…"
