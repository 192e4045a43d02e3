"""The profile of a whole table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datasets.profile.columns import ColumnProfile, profile_column
from datasets.schema import ColumnType, Schema

ALMOST_NUMERIC = 0.9
"""From this share of numeric cells on, a text column is pointed out."""


@dataclass(frozen=True, slots=True)
class ProfileNote:
    """Something that a person should look at."""

    column: str
    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """Return the note as JSON-compatible values."""
        return {"column": self.column, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class TableProfile:
    """The profiles of all columns, and what is remarkable about them."""

    row_count: int
    columns: tuple[ColumnProfile, ...]
    notes: tuple[ProfileNote, ...] = ()

    @classmethod
    def of(
        cls, row_count: int, columns: Sequence[ColumnProfile], notes: Sequence[ProfileNote] = ()
    ) -> TableProfile:
        """Return the profile with the notes that follow from the columns added to those given."""
        found = [note for column in columns for note in _notes(column)]
        return cls(row_count, tuple(columns), (*notes, *found))

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-compatible, finite values."""
        return {
            "row_count": self.row_count,
            "column_count": len(self.columns),
            "columns": [column.to_dict() for column in self.columns],
            "notes": [note.to_dict() for note in self.notes],
        }


def profile_table(schema: Schema, table: pa.Table) -> TableProfile:
    """Describe every column of a table that has the Arrow types of ``schema``."""
    columns = [profile_column(c.name, c.type, table.column(c.name)) for c in schema]
    return TableProfile.of(table.num_rows, columns)


def _notes(column: ColumnProfile) -> list[ProfileNote]:
    present = column.rows - column.nulls
    notes: list[ProfileNote] = []
    if present == 0:
        notes.append(ProfileNote(column.name, "all_null", "The column has no values."))
    elif column.is_constant and column.rows > 1:
        notes.append(ProfileNote(column.name, "constant", "The column has one value only."))
    is_almost = present and ALMOST_NUMERIC <= column.numeric_count / present < 1
    if column.type is ColumnType.STRING and is_almost:
        text = (
            f"{present - column.numeric_count} of {present} values cannot be read as numbers, for "
            f"example {column.example_not_numeric!r}; that makes the column text."
        )
        notes.append(ProfileNote(column.name, "almost_numeric", text))
    return notes
