"""Typed parameters of steps: what they take, in words and as JSON Schema."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ParameterKind = Literal[
    "columns", "column", "name", "mapping", "choice", "choices", "number", "integer", "boolean",
    "texts", "scalar", "formula", "time_zone",
]  # fmt: skip

MOST_LISTED = 500
_MOST_CHARACTERS = 250
_MISSING = object()


class ParameterProblem(ValueError):
    """A value that a parameter does not take."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a step.

    Attributes
    ----------
    default
        What it is when absent. A parameter without one must be given.
    low, high
        Bounds of a number, both included.
    """

    name: str
    kind: ParameterKind
    help: str
    default: Any = _MISSING
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is _MISSING

    def checked(self, value: Any) -> Any:
        """Return the value in its plain form.

        Raises
        ------
        ParameterProblem
            It is of another type, or outside of what is allowed; says what would be right.
        """
        if value is None and not self.is_required and self.default is None:
            return None
        return _CHECKS[self.kind](self, value)

    def schema(self) -> dict[str, Any]:
        """Return a JSON Schema of the values that it takes."""
        found: dict[str, Any] = {**_SCHEMAS[self.kind], "description": self.help}
        if self.kind == "choice":
            found["enum"] = list(self.choices)
        if self.kind == "choices":
            found["items"] = {"type": "string", "enum": list(self.choices)}
        if self.low is not None:
            found["minimum"] = self.low
        if self.high is not None:
            found["maximum"] = self.high
        if not self.is_required:
            found["default"] = self.default
        return found


_NAMES = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS},
    "minItems": 1,
    "maxItems": MOST_LISTED,
    "uniqueItems": True,
}
_SCHEMAS: Mapping[ParameterKind, Mapping[str, Any]] = {
    "columns": _NAMES,
    "texts": _NAMES,
    "choices": {"type": "array", "minItems": 1, "uniqueItems": True},
    "column": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS},
    "name": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS},
    "mapping": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_LISTED,
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS},
    },
    "choice": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "scalar": {"type": ["number", "string", "boolean"]},
    "formula": {"type": "string", "minLength": 1, "maxLength": 1_000},
    "time_zone": {"type": "string"},
}


def checked_name(value: Any) -> str:
    """Return a column name.

    Raises
    ------
    ParameterProblem
        It is not text, or empty, too long or with control characters.
    """
    if not isinstance(value, str):
        raise ParameterProblem("must be text")
    if not value.strip():
        raise ParameterProblem("must not be empty")
    if len(value) > _MOST_CHARACTERS:
        raise ParameterProblem(f"has more than {_MOST_CHARACTERS} characters")
    if not value.isprintable():
        raise ParameterProblem("holds control characters")
    return value


def _name(_: Parameter, value: Any) -> str:
    return checked_name(value)


def _names(_: Parameter, value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not value:
        raise ParameterProblem('must be a list of names, such as ["age", "city"]')
    if len(value) > MOST_LISTED:
        raise ParameterProblem(f"lists more than {MOST_LISTED} names")
    names = [checked_name(one) for one in value]
    twins = {one for one in names if names.count(one) > 1}
    if twins:
        raise ParameterProblem(f"names {min(twins)!r} twice")
    return names


def _mapping(_: Parameter, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise ParameterProblem('must be an object of old and new names, such as {"job": "work"}')
    if len(value) > MOST_LISTED:
        raise ParameterProblem(f"lists more than {MOST_LISTED} names")
    found = {checked_name(old): checked_name(new) for old, new in value.items()}
    if len(set(found.values())) < len(found):
        raise ParameterProblem("gives two columns the same name")
    return found


def _choice(parameter: Parameter, value: Any) -> str:
    if not isinstance(value, str) or value not in parameter.choices:
        raise ParameterProblem(f"must be one of {', '.join(parameter.choices)}")
    return value


def _choices(parameter: Parameter, value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not value:
        raise ParameterProblem(f"must be a list of {', '.join(parameter.choices)}")
    return list(dict.fromkeys(_choice(parameter, one) for one in value))


def _number(parameter: Parameter, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterProblem("must be a number")
    try:
        found = float(value)
    except OverflowError:
        raise ParameterProblem("is too large") from None
    if not math.isfinite(found):
        raise ParameterProblem("must be a finite number")
    _bounded(parameter, found)
    return found


def _integer(parameter: Parameter, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterProblem("must be a whole number")
    _bounded(parameter, value)
    return value


def _bounded(parameter: Parameter, value: float) -> None:
    if parameter.low is not None and value < parameter.low:
        raise ParameterProblem(f"must be at least {parameter.low:g}")
    if parameter.high is not None and value > parameter.high:
        raise ParameterProblem(f"must be at most {parameter.high:g}")


def _boolean(_: Parameter, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ParameterProblem("must be true or false")
    return value


def _scalar(parameter: Parameter, value: Any) -> float | str:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        return _number(parameter, value)
    return checked_name(value)


def _formula(_: Parameter, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ParameterProblem("must be a formula")
    return value.strip()


def _time_zone(_: Parameter, value: Any) -> str:
    if isinstance(value, str) and len(value) < 64:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
        else:
            return value
    raise ParameterProblem("must be a time zone of the IANA list, such as Europe/Berlin")


_CHECKS: Mapping[ParameterKind, Any] = {
    "columns": _names,
    "texts": _names,
    "column": _name,
    "name": _name,
    "mapping": _mapping,
    "choice": _choice,
    "choices": _choices,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "scalar": _scalar,
    "formula": _formula,
    "time_zone": _time_zone,
}
