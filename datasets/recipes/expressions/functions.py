"""The functions of formulas: a fixed list, each computed on whole columns.

Numbers are float64 arrays in which NaN is missing; texts are object arrays in which ``""`` is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.recipes.expressions.tree import NUMBER, TEXT, ValueType

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    Attributes
    ----------
    takes
        The types of its arguments; ``any`` stands for a type that all such arguments (and the result, if
        that is ``any``) share.
    repeats
        Whether the last argument may come more than once.
    """

    takes: tuple[ValueType, ...]
    gives: ValueType
    compute: Callable[..., Array]
    help: str
    repeats: bool = False


def _is_missing(values: Array) -> npt.NDArray[np.bool_]:
    missing: npt.NDArray[np.bool_] = (
        values == "" if values.dtype == object else np.isnan(values)
    ).astype(bool)
    return missing


def _choose(condition: Array, yes: Array, no: Array) -> Array:
    chosen = np.where(condition != 0, yes, no)
    nothing: Any = "" if chosen.dtype == object else np.nan
    chosen[np.isnan(condition)] = nothing
    return chosen


def _coalesce(*several: Array) -> Array:
    found = several[0].copy()
    for other in several[1:]:
        found = np.where(_is_missing(found), other, found)
    return found


def _smallest(*several: Array) -> Array:
    return np.asarray(np.fmin.reduce(several))


def _largest(*several: Array) -> Array:
    return np.asarray(np.fmax.reduce(several))


def _each(function: Callable[[str], str]) -> Callable[[Array], Array]:
    def compute(values: Array) -> Array:
        out = np.empty(len(values), dtype=object)
        out[:] = [function(value) for value in values]
        return out

    return compute


def _length(values: Array) -> Array:
    return np.array([len(value) if value else np.nan for value in values], dtype=np.float64)


def _tested(test: Callable[[str, str], bool]) -> Callable[[Array, Array], Array]:
    def compute(values: Array, parts: Array) -> Array:
        pairs = zip(values, parts, strict=True)
        return np.array(
            [float(test(value, part)) if value else np.nan for value, part in pairs],
            dtype=np.float64,
        )

    return compute


FUNCTIONS: dict[str, Function] = {
    "abs": Function((NUMBER,), NUMBER, np.abs, "the number without its sign"),
    "ceil": Function((NUMBER,), NUMBER, np.ceil, "the next whole number above"),
    "coalesce": Function(("any",), "any", _coalesce, "the first that is not missing", True),
    "contains": Function(
        (TEXT, TEXT), NUMBER, _tested(lambda value, part: part in value), "whether a text is in it"
    ),
    "exp": Function((NUMBER,), NUMBER, np.exp, "e to the power of x"),
    "floor": Function((NUMBER,), NUMBER, np.floor, "the next whole number below"),
    "if": Function(
        (NUMBER, "any", "any"),
        "any",
        _choose,
        "the second where the first is true, else the third",
    ),
    "is_missing": Function(
        ("any",),
        NUMBER,
        lambda values: _is_missing(values).astype(np.float64),
        "whether it is null",
    ),
    "length": Function((TEXT,), NUMBER, _length, "how many characters a text has"),
    "log": Function((NUMBER,), NUMBER, np.log, "natural logarithm; missing where x ≤ 0"),
    "log1p": Function((NUMBER,), NUMBER, np.log1p, "logarithm of 1 + x"),
    "lower": Function((TEXT,), TEXT, _each(str.lower), "in small letters"),
    "max": Function((NUMBER,), NUMBER, _largest, "the largest; missing ones do not count", True),
    "min": Function((NUMBER,), NUMBER, _smallest, "the smallest; missing ones do not count", True),
    "pow": Function((NUMBER, NUMBER), NUMBER, np.power, "x to the power of y"),
    "round": Function((NUMBER,), NUMBER, np.round, "the nearest whole number (halves to even)"),
    "sqrt": Function((NUMBER,), NUMBER, np.sqrt, "square root; missing where x < 0"),
    "starts_with": Function(
        (TEXT, TEXT), NUMBER, _tested(str.startswith), "whether it begins with a text"
    ),
    "trim": Function((TEXT,), TEXT, _each(str.strip), "without white space around it"),
    "upper": Function((TEXT,), TEXT, _each(str.upper), "in capital letters"),
}
