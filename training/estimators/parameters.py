"""Types of hyper-parameters: what values are accepted, and in which words others are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number between two bounds (inclusive)."""

    name: str
    default: float
    low: float
    high: float
    description: str

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            return "a number was expected"
        if not self.low <= value <= self.high:
            return f"must lie between {self.low:g} and {self.high:g}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {
            "type": "number",
            "minimum": self.low,
            "maximum": self.high,
            "default": self.default,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number between two bounds (inclusive); None where the default is None."""

    name: str
    default: int | None
    low: int
    high: int
    description: str

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if value is None and self.default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            return "a whole number was expected"
        if not self.low <= value <= self.high:
            return f"must lie between {self.low} and {self.high}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {
            "type": ["integer", "null"] if self.default is None else "integer",
            "minimum": self.low,
            "maximum": self.high,
            "default": self.default,
            "description": self.description,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; None where it is among them."""

    name: str
    default: str | None
    options: tuple[str | None, ...]
    description: str

    def complaint(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if isinstance(value, str | None) and value in self.options:
            return None
        return f"must be one of {', '.join(map(str, self.options))}"

    def schema(self) -> dict[str, Any]:
        """Return the parameter as a JSON Schema."""
        return {
            "enum": list(self.options),
            "default": self.default,
            "description": self.description,
        }


Parameter = Number | WholeNumber | Choice
