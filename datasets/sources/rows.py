"""Several files as one stream of rows with one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from datasets.errors import ColumnNotFound, EmptyFile, NoRows, SchemaMismatch
from datasets.formats import BadRow, Limits, Quarantine, ReadOptions
from datasets.formats.allowed_rows import allowed_rows
from datasets.formats.detection import open_source
from datasets.formats.source import Source
from datasets.profile import ProfileNote
from datasets.schema import Column, ColumnType, Schema, text
from datasets.sources.asking import FetchedFile, Watermark

#: Their first row of data is row 2 of the file.
_FORMATS_WITH_HEADER = frozenset({"csv", "tsv"})
_ORDERED = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIMESTAMP, ColumnType.STRING)


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """One of the files, ready to be read, and what takes its bad rows."""

    name: str
    source: Source
    quarantine: Quarantine | None

    @property
    def first_row(self) -> int:
        """The number of the first row of data, as a spreadsheet counts."""
        return 2 if self.source.format in _FORMATS_WITH_HEADER else 1


@dataclass(frozen=True)
class SourceRows:
    """The rows of the files, read one after the other, any number of times.

    Attributes
    ----------
    schema
        What all files allow, or what they are to be read as.
    beyond
        Column and watermark that rows have to pass; rows without a value there do not.
    """

    schema: Schema
    files: tuple[OpenedFile, ...]
    beyond: tuple[str, Watermark | None] | None = None

    @property
    def notes(self) -> list[ProfileNote]:
        """What was decided about columns, once for each."""
        found = {
            (note.column, note.code): ProfileNote(note.column, note.code, note.message)
            for file in self.files
            for note in file.source.notes
        }
        return list(found.values())

    @property
    def description(self) -> dict[str, Any]:
        """How the first file was read."""
        if not self.files:
            return {}
        first = self.files[0].source
        return {"format": first.format, **first.description}

    def passing(self, column: str, after: Watermark | None) -> SourceRows:
        """Return the rows beyond a watermark only; without one, those that have a value.

        Raises
        ------
        ColumnNotFound
            There is no such column.
        SchemaMismatch
            Its type has no order, or is not that of the watermark.
        """
        found = next((one for one in self.schema if one.name == column), None)
        if found is None:
            raise ColumnNotFound(f"There is no column {column!r}.", field="watermark_column")
        if found.type not in _ORDERED or (after is not None and after.type is not found.type):
            raise SchemaMismatch(
                f"Column {column!r} is {found.type.value}; "
                + (
                    f"the watermark is {after.type.value}."
                    if after
                    else "a watermark is a number, a moment or text."
                ),
                field="watermark_column",
            )
        return replace(self, beyond=(column, after))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types of ``schema``."""
        for file in self.files:
            for batch in file.source.batches(self.schema):
                kept = batch if self.beyond is None else batch.filter(self._is_new(batch))
                if kept.num_rows:
                    yield kept

    def allowed_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that ``schema`` allows; those that it does not are put aside, or refused.

        The share of bad rows is counted over all rows of a file, new or not.

        Raises
        ------
        SchemaViolated
            A row breaks the schema, and the file has no quarantine.
        TooManyBadRows
            More are bad than may be.
        """
        for file in self.files:
            good = row = 0
            for batch in file.source.batches(self.schema):
                first = file.first_row + row
                numbers = file.source.row_numbers or range(first, first + batch.num_rows)
                row += batch.num_rows
                is_new = self._is_new(batch)
                new = batch.filter(is_new)
                kept = allowed_rows(
                    new,
                    self.schema,
                    numbers=[
                        n for n, counts in zip(numbers, is_new.to_pylist(), strict=True) if counts
                    ],
                    quarantine=file.quarantine,
                )
                good += batch.num_rows - new.num_rows + kept.num_rows
                if kept.num_rows:
                    yield kept
            if file.quarantine is not None:
                file.quarantine.check(good)

    @property
    def bad_rows(self) -> list[BadRow]:
        """What the pass over the rows that ended last has put aside, in the order of the files."""
        several = len(self.files) > 1
        return [
            replace(bad, reason=f"{file.name!r}: {bad.reason}") if several else bad
            for file in self.files
            if file.quarantine is not None
            for bad in file.quarantine.rows
        ]

    def _is_new(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        if self.beyond is None:
            return pa.array(np.ones(batch.num_rows, dtype=bool))
        column, after = self.beyond
        values = batch.column(batch.schema.get_field_index(column))
        if after is None:
            return pc.is_valid(values)
        return pc.fill_null(pc.greater(values, after.arrow), False)

    @property
    def is_empty(self) -> bool:
        """Whether there is not a single row."""
        return next(self.batches(), None) is None


def open_rows(
    files: Sequence[FetchedFile],
    *,
    scratch: Path | None = None,
    options: ReadOptions | None = None,
    progress: Callable[[float], None] | None = None,
) -> SourceRows | None:
    """Open files; those without rows count for nothing, and None is the answer when all are such.

    Parameters
    ----------
    scratch
        A folder for the content of packed files; without one they are refused. The caller removes it.
    options
        What to do with rows that cannot be read; without it they refuse the file.

    Raises
    ------
    SchemaMismatch
        The files do not have the same columns.
    DomainError
        One of the refusals of a file (:mod:`datasets.errors`), naming it.
    """
    opened: list[OpenedFile] = []
    for index, file in enumerate(files):
        quarantine = (options or ReadOptions()).quarantine()
        try:
            source = open_source(
                file.path,
                filename=file.name.rpartition("/")[2],
                limits=Limits(expanded_bytes=2 * settings.UPLOAD_MAX_BYTES),
                scratch=scratch,
                options=options,
                quarantine=quarantine,
            )
        except (NoRows, EmptyFile):
            continue
        finally:
            if progress is not None:
                progress((index + 1) / len(files))
        opened.append(OpenedFile(file.name, source, quarantine))
    if not opened:
        return None
    schema = opened[0].source.schema
    for one in opened[1:]:
        schema = _merged(schema, one.source.schema, one.name)
    columns = tuple(_of_files_with_values(column, opened) for column in schema)
    return SourceRows(Schema(columns), tuple(opened))


def _merged(schema: Schema, further: Schema, name: str) -> Schema:
    if set(schema.names) != set(further.names):
        differing = sorted(set(schema.names) ^ set(further.names))
        raise SchemaMismatch(
            f"The file {name!r} has other columns than those before it: "
            f"{', '.join(map(repr, differing[:10]))}.",
            field="file",
        )
    return Schema(tuple(_wider(column, further.column(column.name)) for column in schema))


def _of_files_with_values(column: Column, opened: Sequence[OpenedFile]) -> Column:
    """Return a column as those files have it that have values there.

    A file without any takes its column for text, which must not make text of the numbers of all others.
    """
    types = {file.source.schema.column(column.name).type for file in opened}
    if column.type is not ColumnType.STRING or len(types) == 1:
        return column
    wider = [
        found
        for file in opened
        if (found := file.source.schema.column(column.name)).type is not ColumnType.STRING
    ]
    wanted = reduce(_wider, wider)
    if wanted.type is ColumnType.STRING:
        return column
    texts = [f for f in opened if f.source.schema.column(column.name).type is ColumnType.STRING]
    if all(_is_without_values(file, column.name) for file in texts):
        return replace(wanted, nullable=True)
    return column


def _is_without_values(file: OpenedFile, name: str) -> bool:
    """Whether a file has no value in a column that it took for text."""
    for batch in file.source.batches():
        cells = batch.column(name).drop_null()
        if file.source.format in _FORMATS_WITH_HEADER:
            cells = cells.filter(pc.invert(text.is_missing(text.trimmed(cells))))
        if len(cells):
            return False
    return True


def _wider(one: Column, other: Column) -> Column:
    numbers = {ColumnType.INTEGER, ColumnType.NUMBER}
    if one.type is other.type:
        type_ = one.type
    elif {one.type, other.type} == numbers:
        type_ = ColumnType.NUMBER
    else:
        type_ = ColumnType.STRING
    return replace(one, type=type_, nullable=one.nullable or other.nullable)
