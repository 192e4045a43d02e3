"""Refusals of rows that do not fit a signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FieldError, Invalid, Malformed

#: No more complaints than this are listed for one request.
MOST_COMPLAINTS = 50


@dataclass(frozen=True, slots=True)
class RowComplaint:
    """What is wrong with one value; ``row`` counts from 0, ``column`` is empty for a whole row."""

    row: int
    column: str
    message: str


class InputRefused(Invalid):
    """Rows that do not fit the signature."""

    code = "input_refused"
    title = "The rows do not fit the model's signature"

    def __init__(self, complaints: Sequence[RowComplaint]) -> None:
        shown = tuple(complaints[:MOST_COMPLAINTS])
        first = shown[0]
        where = f"row {first.row}, column '{first.column}'" if first.column else f"row {first.row}"
        more = len(complaints) - 1
        super().__init__(
            f"{where}: {first.message}" + (f" (and {more} more)" if more else ""),
            errors=[
                FieldError(
                    f"instances[{item.row}]" + (f".{item.column}" if item.column else ""),
                    item.message,
                )
                for item in shown
            ],
        )
        self.complaints = shown


class BodyMalformed(Malformed):
    """A body that is not the JSON object that was asked for."""

    code = "body_malformed"
    title = "The body cannot be read"
