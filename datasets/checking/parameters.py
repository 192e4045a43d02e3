"""Types of the parameters of checks: which values are accepted, and in which words others are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from datasets.schema import ColumnType, NotAValue, coerce

MOST_VALUES = 1_000
LONGEST_PATTERN = 500
_LONGEST_TEXT = 200
_NO_NUL = "text without a NUL character was expected"


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two bounds (inclusive); None where it may be left out."""

    name: str
    description: str
    low: float
    high: float
    default: float | None = None
    is_whole: bool = False

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "a number was expected"
        if not math.isfinite(value) or not self.low <= value <= self.high:
            return f"must lie between {self.low:g} and {self.high:g}"
        if self.is_whole and value % 1:
            return "a whole number was expected"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {
            "type": ["integer" if self.is_whole else "number", "null"],
            "minimum": self.low,
            "maximum": self.high,
            "default": self.default,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class Bound:
    """The end of a range: a number, or a moment as ISO 8601."""

    name: str
    description: str
    default: None = None

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
            return "the number is too large"
        try:
            coerce(value, ColumnType.TIMESTAMP if isinstance(value, str) else ColumnType.NUMBER)
        except NotAValue as refusal:
            return str(refusal)
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {"type": ["number", "string", "null"], "description": self.description}


@dataclass(frozen=True, slots=True)
class Values:
    """A list of at most 1,000 values."""

    name: str
    description: str
    default: None = None

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_VALUES:
            return f"must be a list of 1 to {MOST_VALUES:,} values"
        for one in value:
            if not isinstance(one, str | int | float) or (
                isinstance(one, float) and not math.isfinite(one)
            ):
                return "holds text, numbers and truth values only"
            if isinstance(one, int) and not isinstance(one, bool) and abs(one) >= 2**63:
                return "the number is too large"
            if isinstance(one, str) and len(one) > _LONGEST_TEXT:
                return f"a value has at most {_LONGEST_TEXT} characters"
            if isinstance(one, str) and "\0" in one:
                return _NO_NUL
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {"type": "array", "maxItems": MOST_VALUES, "description": self.description}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression in the syntax of RE2, whose running time is linear in the text."""

    name: str
    description: str
    default: None = None

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_PATTERN:
            return f"must be an expression of 1 to {LONGEST_PATTERN} characters"
        if "\0" in value:
            return _NO_NUL
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            pc.match_substring_regex(pa.array(["x"]), value)
        except (pa.ArrowException, UnicodeError):
            return (
                "is no regular expression in the syntax of RE2 (no look-around, no back references)"
            )
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {"type": "string", "maxLength": LONGEST_PATTERN, "description": self.description}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    name: str
    description: str
    options: tuple[str, ...]
    default: str | None = None

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if isinstance(value, str) and value in self.options:
            return None
        return f"must be one of {', '.join(self.options)}"

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {
            "enum": list(self.options),
            "default": self.default,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class Name:
    """The name of something, e.g. of a column of another dataset."""

    name: str
    description: str
    default: None = None

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if isinstance(value, str) and 1 <= len(value) <= _LONGEST_TEXT:
            return _NO_NUL if "\0" in value else None
        return f"must be text of 1 to {_LONGEST_TEXT} characters"

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {"type": "string", "maxLength": _LONGEST_TEXT, "description": self.description}


Parameter = Number | Bound | Values | Pattern | Choice | Name
