"""What every format offers to the ingestion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from datasets.schema import Column, ColumnType, Role, Schema
from datasets.schema.inference import ColumnGuess

ReadProgress = Callable[[float], None]
"""Called with the fraction (0 to 1) of the file that has been read."""


class SchemaRefuted(Exception):
    """The rows as a whole are not what a part of them let suppose; what they are is known now."""


@dataclass(frozen=True, slots=True)
class SourceNote:
    """Something about a column that was decided for the user and should be seen by them."""

    column: str
    code: str
    message: str


class Source(Protocol):
    """A file whose structure is known, ready to be read any number of times."""

    @property
    def format(self) -> str:
        """``csv``, ``tsv``, ``jsonl``, ``parquet``, ``arrow`` or ``xlsx``."""
        ...

    @property
    def description(self) -> dict[str, str]:
        """How the file was read (encoding, delimiter), for the provenance of the version."""
        ...

    @property
    def supposed_schema(self) -> Schema:
        """The schema as far as it is known without reading the whole file."""
        ...

    @property
    def schema(self) -> Schema:
        """The schema that all rows of the file allow; finding it may read the file."""
        ...

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """What was decided on the way; complete when all rows have been read."""
        ...

    @property
    def row_numbers(self) -> Sequence[int] | None:
        """The numbers in the file of the rows that were yielded last; None where none are left out."""
        ...

    def infer(self, *, progress: ReadProgress | None = None) -> None:
        """Find the schema, with progress; nothing to do where it is known."""
        ...

    def attempt(self, *, progress: ReadProgress | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, as the types of ``supposed_schema``.

        Raises
        ------
        SchemaRefuted
            At the latest at the end: the supposition was wrong, and what was yielded is void.
        """
        ...

    def batches(
        self, schema: Schema | None = None, *, progress: ReadProgress | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in order, as the types of ``schema`` (the file's own, when absent)."""
        ...


def ignore_progress(fraction: float) -> None:
    """Nobody wants to know."""


def guessed_schema(types: Mapping[str, ColumnType]) -> Schema:
    """Return the schema of columns of which no more is known than their types."""
    return Schema(
        tuple(
            Column(
                name, type_, role=Role.TIMESTAMP if type_ is ColumnType.TIMESTAMP else Role.FEATURE
            )
            for name, type_ in types.items()
        )
    )


def guess_notes(name: str, guess: ColumnGuess) -> Iterator[SourceNote]:
    """Yield what the cells of a column were taken for, where that was not the only way."""
    if guess.is_inexact:
        text = (
            "The column is text: a double cannot carry all digits of its numbers, for example "
            f"{(guess.inexact_example or '')[:60]}."
        )
        yield SourceNote(name, "inexact_decimals", text)
    if guess.type is ColumnType.STRING:
        return
    if guess.missing_count:
        text = f"{guess.missing_count} cell(s) such as NA or null were read as missing."
        yield SourceNote(name, "missing_tokens", text)
    if guess.decimal_comma:
        yield SourceNote(name, "decimal_comma", "Numbers are written with a decimal comma.")
    if guess.type is not ColumnType.TIMESTAMP or not guess.naive_times:
        return
    if guess.zoned_times:
        text = "Some times name their zone and some do not; those without were taken to be UTC."
        yield SourceNote(name, "mixed_zones", text)
    else:
        text = (
            "The times name no zone and were taken to be UTC. If they are local times, hours "
            "skipped or repeated by daylight saving cannot be told apart."
        )
        yield SourceNote(name, "zone_assumed", text)
