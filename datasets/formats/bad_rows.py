"""Rows that cannot be read: what is known of them, and how many are put up with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FieldError
from datasets.errors import RaggedRows, TooManyBadRows, UnreadableRows

SHOWN_CHARACTERS = 1_000
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that cannot be read.

    Parameters
    ----------
    row
        Its number in the file, as a spreadsheet counts.
    column
        The column that is wrong; empty when it is the row as a whole.
    reason
        A sentence without the row's number.
    raw
        The row as it stands in the file, cut after 1,000 characters.
    """

    row: int
    column: str
    reason: str
    raw: str


class Quarantine:
    """Takes the rows that are put aside, up to a limit.

    Parameters
    ----------
    most_share
        The largest share of all rows that may be bad (0 to 1).
    most_rows
        The largest number of them.
    """

    def __init__(self, *, most_share: float, most_rows: int) -> None:
        self._most_share = most_share
        self._most_rows = most_rows
        self._rows: list[BadRow] = []

    @property
    def rows(self) -> Sequence[BadRow]:
        """What has been put aside, in the order of the file."""
        return tuple(sorted(self._rows, key=lambda bad: bad.row))

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forget all of them: the file is read again from the start."""
        self._rows.clear()

    def add(self, row: int, reason: str, *, raw: str, column: str = "") -> None:
        """Put a row aside.

        Raises
        ------
        TooManyBadRows
            There are more than the largest number already.
        """
        self._rows.append(BadRow(row, column, reason[:SHOWN_CHARACTERS], raw[:SHOWN_CHARACTERS]))
        if len(self._rows) > self._most_rows:
            raise self._too_many(f"More than {self._most_rows} rows cannot be read")

    def check(self, good_rows: int) -> None:
        """Refuse the file when too large a share of its rows is bad.

        Raises
        ------
        TooManyBadRows
            Naming the first of them.
        """
        total = good_rows + len(self._rows)
        if len(self._rows) > self._most_share * total:
            raise self._too_many(
                f"{len(self._rows)} of {total} rows cannot be read, more than the allowed "
                f"{100 * self._most_share:g} %"
            )

    def _too_many(self, what: str) -> TooManyBadRows:
        first = self._rows[:10]
        return TooManyBadRows(
            f"{what}; the first is row {first[0].row}: {first[0].reason}.",
            errors=[FieldError("file", f"row {bad.row}: {bad.reason}") for bad in first],
            rows=[bad.row for bad in first],
        )


def unreadable_refusal(found: Sequence[tuple[int, str]]) -> UnreadableRows:
    """Return the refusal of rows (number, reason) that cannot be read."""
    number, reason = found[0]
    shown = found[:_MOST_NAMED]
    return UnreadableRows(
        f"Row {number} cannot be read: {reason}.",
        errors=[FieldError("file", f"row {row}: {why}") for row, why in shown],
        rows=[row for row, _ in shown],
    )


def ragged_refusal(found: Sequence[tuple[int, int]], width: int, *, is_all: bool) -> RaggedRows:
    """Return the refusal of rows (number, cells) that do not have the cells of the header."""
    numbers = ", ".join(str(number) for number, _ in found)
    count = f"{len(found)} row(s) do" if is_all else f"At least {len(found)} rows do"
    more = "" if is_all else ", …"
    return RaggedRows(
        f"{count} not have the {width} cell(s) of the header: row {numbers}{more}.",
        errors=[
            FieldError("file", f"row {number} has {cell_count(cells, width)}")
            for number, cells in found
        ],
        rows=[number for number, _ in found],
    )


def cell_count(cells: int, width: int) -> str:
    """Say what is wrong with a row that has so many cells."""
    return f"{cells} cell(s) instead of {width}"
