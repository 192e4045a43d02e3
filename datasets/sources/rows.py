"""Several files as one stream of rows with one schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from datasets.errors import ColumnNotFound, EmptyFile, NoRows, SchemaMismatch
from datasets.formats import Limits, Source, open_source
from datasets.profile import ProfileNote
from datasets.schema import Column, ColumnType, Schema
from datasets.sources.asking import FetchedFile, Watermark

_ORDERED = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIMESTAMP, ColumnType.STRING)


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
    sources: tuple[Source, ...]
    beyond: tuple[str, Watermark | None] | None = None

    @property
    def notes(self) -> list[ProfileNote]:
        """What was decided about columns, once for each."""
        found = {
            (note.column, note.code): ProfileNote(note.column, note.code, note.message)
            for source in self.sources
            for note in source.notes
        }
        return list(found.values())

    @property
    def description(self) -> dict[str, Any]:
        """How the first file was read."""
        if not self.sources:
            return {}
        return {"format": self.sources[0].format, **self.sources[0].description}

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
        for source in self.sources:
            for batch in source.batches(self.schema):
                kept = self._kept(batch)
                if kept.num_rows:
                    yield kept

    def _kept(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.beyond is None:
            return batch
        column, after = self.beyond
        values = batch.column(batch.schema.get_field_index(column))
        if after is None:
            return batch.filter(pc.is_valid(values))
        return batch.filter(pc.greater(values, after.arrow))

    @property
    def is_empty(self) -> bool:
        """Whether there is not a single row."""
        return next(self.batches(), None) is None


def open_rows(
    files: Sequence[FetchedFile], *, progress: Callable[[float], None] | None = None
) -> SourceRows | None:
    """Open files; those without rows count for nothing, and None is the answer when all are such.

    Raises
    ------
    SchemaMismatch
        The files do not have the same columns.
    DomainError
        One of the refusals of a file (:mod:`datasets.errors`), naming it.
    """
    opened: list[tuple[str, Source]] = []
    for index, file in enumerate(files):
        try:
            source = open_source(
                file.path,
                filename=file.name.rpartition("/")[2],
                limits=Limits(expanded_bytes=2 * settings.UPLOAD_MAX_BYTES),
            )
        except (NoRows, EmptyFile):
            continue
        finally:
            if progress is not None:
                progress((index + 1) / len(files))
        opened.append((file.name, source))
    if not opened:
        return None
    schema = opened[0][1].schema
    for name, source in opened[1:]:
        schema = _merged(schema, source.schema, name)
    return SourceRows(schema, tuple(source for _, source in opened))


def _merged(schema: Schema, further: Schema, name: str) -> Schema:
    if set(schema.names) != set(further.names):
        differing = sorted(set(schema.names) ^ set(further.names))
        raise SchemaMismatch(
            f"The file {name!r} has other columns than those before it: "
            f"{', '.join(map(repr, differing[:10]))}.",
            field="file",
        )
    return Schema(tuple(_wider(column, further.column(column.name)) for column in schema))


def _wider(one: Column, other: Column) -> Column:
    numbers = {ColumnType.INTEGER, ColumnType.NUMBER}
    if one.type is other.type:
        type_ = one.type
    elif {one.type, other.type} == numbers:
        type_ = ColumnType.NUMBER
    else:
        type_ = ColumnType.STRING
    return replace(one, type=type_, nullable=one.nullable or other.nullable)
