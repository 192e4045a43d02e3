"""Files whose values say themselves whether they are numbers, texts or truth values: JSON lines, workbooks.

Their values are turned into cells of text without losing anything, and then go through the same inference
and the same conversion as the cells of a CSV file; only what the file itself calls a text never becomes a
number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

import numpy as np
import pyarrow as pa

from datasets.errors import NoRows, SchemaMismatch
from datasets.formats.bad_rows import Quarantine, unreadable_refusal
from datasets.formats.limits import Limits
from datasets.formats.source import (
    ReadProgress,
    SourceNote,
    guess_notes,
    guessed_schema,
    ignore_progress,
)
from datasets.schema import ColumnType, Schema, check_names
from datasets.schema.conversion import typed_array, unreadable
from datasets.schema.inference import ColumnGuess


class Kind(Enum):
    """What a file says that a value is."""

    NUMBER = "numbers"
    BOOLEAN = "truth values"
    TEXT = "text"


_TYPES: Mapping[Kind, frozenset[ColumnType]] = {
    Kind.NUMBER: frozenset({ColumnType.INTEGER, ColumnType.NUMBER}),
    Kind.BOOLEAN: frozenset({ColumnType.BOOLEAN}),
    Kind.TEXT: frozenset({ColumnType.TIMESTAMP}),
}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that cannot be read: its number, why, and what it looks like."""

    row: int
    reason: str
    raw: str
    column: str = ""


@dataclass(slots=True)
class Chunk:
    """Some rows, column by column, as text; what kinds of values were among them.

    Parameters
    ----------
    numbers
        The number of each row in the file.
    cells
        Per column as many texts as there are rows; None where there is no value.
    kinds
        Per column the kinds that occur.
    bad
        Rows that are not among them.
    fraction
        How much of the file had been read by then (0 to 1).
    """

    numbers: list[int] = field(default_factory=list)
    cells: dict[str, list[str | None]] = field(default_factory=dict)
    kinds: dict[str, set[Kind]] = field(default_factory=dict)
    bad: list[Unreadable] = field(default_factory=list)
    fraction: float = 0.0


class CellTable(ABC):
    """A file that yields chunks of cells; opening it does not read its rows."""

    format: ClassVar[str]

    def __init__(self, limits: Limits, quarantine: Quarantine | None) -> None:
        self._limits = limits
        self._quarantine = quarantine
        self._guesses: dict[str, ColumnGuess] | None = None
        self._kinds: dict[str, set[Kind]] = {}
        self.row_numbers: Sequence[int] | None = None

    @abstractmethod
    def _chunks(self) -> Iterator[Chunk]:
        """Yield the rows from the start."""

    @property
    def description(self) -> dict[str, str]:
        """What had to be found out."""
        return {}

    @property
    def schema(self) -> Schema:
        """The schema that all rows allow; reads the file when that has not been done."""
        if self._guesses is None:
            self.infer()
        assert self._guesses is not None
        return guessed_schema({name: guess.type for name, guess in self._guesses.items()})

    @property
    def supposed_schema(self) -> Schema:
        """The schema: nothing is supposed here."""
        return self.schema

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """What was decided on the way."""
        found: list[SourceNote] = []
        for name, guess in (self._guesses or {}).items():
            found += guess_notes(name, guess)
            kinds = self._kinds.get(name, set())
            if len(kinds) > 1:
                names = ", ".join(sorted(kind.value for kind in kinds))
                text = f"The column holds {names}: all were kept as text."
                found.append(SourceNote(name, "mixed_kinds", text))
        return tuple(found)

    def infer(self, *, progress: ReadProgress | None = None) -> None:
        """Look at all rows for the types."""
        if self._guesses is not None:
            return
        tell = progress or ignore_progress
        guesses: dict[str, ColumnGuess] = {}
        kinds: dict[str, set[Kind]] = {}
        self._clear()
        rows = 0
        for chunk in self._chunks():
            for name, cells in chunk.cells.items():
                guess = guesses.setdefault(name, ColumnGuess())
                kinds.setdefault(name, set()).update(chunk.kinds[name])
                for kind in chunk.kinds[name]:
                    guess.restrict(_TYPES[kind])
                guess.update(pa.array(cells, pa.string()))
            self._put_aside(chunk.bad)
            rows += len(chunk.numbers)
            tell(min(0.99, chunk.fraction))
        if rows == 0:
            raise NoRows("There are no rows in the file.", field="file")
        check_names(list(guesses))
        self._guesses, self._kinds = guesses, kinds
        tell(1.0)

    def attempt(self, *, progress: ReadProgress | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types that were inferred."""
        yield from self.batches(progress=progress)

    def batches(
        self, schema: Schema | None = None, *, progress: ReadProgress | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types of ``schema``, or as those that were inferred.

        Raises
        ------
        SchemaMismatch
            The file has not a column of ``schema``, or a value is not of its type.
        """
        wanted = schema or self.schema
        known = self.schema
        missing = [column.name for column in wanted if column.name not in known]
        if missing:
            raise SchemaMismatch(f"Column {missing[0]!r} is missing.", field="file")
        tell = progress or ignore_progress
        self._clear()
        good = 0
        for chunk in self._chunks():
            self._put_aside(chunk.bad)
            batch = self._batch(chunk, wanted)
            good += batch.num_rows
            if batch.num_rows:
                yield batch
            tell(min(0.99, chunk.fraction))
        if self._quarantine is not None:
            self._quarantine.check(good)
        tell(1.0)

    def _batch(self, chunk: Chunk, schema: Schema) -> pa.RecordBatch:
        nothing = [None] * len(chunk.numbers)
        columns = [pa.array(chunk.cells.get(c.name, nothing), pa.string()) for c in schema]
        bad: dict[int, Unreadable] = {}
        if self._quarantine is not None:
            for column, cells in zip(schema, columns, strict=True):
                for at, why in unreadable(cells, column.type):
                    reason = f"column {column.name!r}: {why}"
                    raw = _shown({name: cells[at] for name, cells in chunk.cells.items()})
                    bad.setdefault(at, Unreadable(chunk.numbers[at], reason, raw, column.name))
            self._put_aside([bad[at] for at in sorted(bad)])
        if bad:
            keep = pa.array(np.isin(np.arange(len(nothing)), list(bad), invert=True))
            columns = [cells.filter(keep) for cells in columns]
        self.row_numbers = [n for at, n in enumerate(chunk.numbers) if at not in bad]
        first = chunk.numbers[0] if chunk.numbers else 1
        return pa.RecordBatch.from_arrays(
            [
                typed_array(cells, column.type, name=column.name, first_row=first)
                for column, cells in zip(schema, columns, strict=True)
            ],
            schema=schema.to_arrow(),
        )

    def _clear(self) -> None:
        if self._quarantine is not None:
            self._quarantine.clear()

    def _put_aside(self, bad: Sequence[Unreadable]) -> None:
        if not bad:
            return
        if self._quarantine is None:
            raise unreadable_refusal([(one.row, one.reason) for one in bad])
        for one in bad:
            self._quarantine.add(one.row, one.reason, raw=one.raw, column=one.column)


def _shown(values: Mapping[str, str | None]) -> str:
    return "; ".join(f"{name}={'' if value is None else value}" for name, value in values.items())
