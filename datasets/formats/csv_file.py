"""CSV files: two passes with bounded memory, the first to find the types, the second to convert."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from core.errors import FieldError
from datasets.errors import (
    NoRows,
    RaggedRows,
    RowTooLarge,
    SchemaMismatch,
    UnclosedQuote,
    UnreadableFile,
)
from datasets.formats.dialect import Dialect, read_dialect
from datasets.formats.encoding import TextFile, detect_text
from datasets.formats.limits import Limits
from datasets.formats.source import ReadProgress, SourceNote
from datasets.schema import Column, ColumnGuess, ColumnType, Role, Schema, typed_array

FIRST_ROW = 2
"""The header is row 1, as in a spreadsheet; empty lines are not counted."""


class CsvFile:
    """A CSV file with a header.

    Cells are separated by the delimiter that :func:`read_dialect` finds; cells in double quotes
    may hold delimiters, line ends and doubled quotes. An empty cell, quoted or not, is null. Empty
    lines are skipped.

    Opening it reads the whole file once.

    Raises
    ------
    DomainError
        One of the refusals of :mod:`datasets.errors`, naming rows or columns.
    """

    format = "csv"

    def __init__(
        self, path: Path, limits: Limits | None = None, *, progress: ReadProgress | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._text: TextFile = detect_text(path)
        self._size = max(1, path.stat().st_size)
        self._dialect: Dialect = read_dialect(self._text, self._limits)
        self._guesses = {
            name: ColumnGuess(decimal_comma=self._dialect.delimiter != ",")
            for name in self._dialect.names
        }
        self.row_count = 0
        for batch in self._cells(progress):
            self.row_count += batch.num_rows
            for name, cells in zip(self._dialect.names, batch.columns, strict=True):
                self._guesses[name].update(cells)
        if self.row_count == 0:
            raise NoRows("There is a header, but no row below it.", field="file")
        self.schema = Schema(tuple(self._column(name) for name in self._dialect.names))

    def _column(self, name: str) -> Column:
        type_ = self._guesses[name].type
        role = Role.TIMESTAMP if type_ is ColumnType.TIMESTAMP else Role.FEATURE
        return Column(name, type_, role=role)

    @property
    def description(self) -> dict[str, str]:
        """Encoding and delimiter that were found."""
        return {"encoding": self._text.encoding, "delimiter": self._dialect.delimiter}

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """Cells read as missing, decimal commas, and times whose zone had to be assumed."""
        return tuple(note for name in self._dialect.names for note in self._notes_of(name))

    def _notes_of(self, name: str) -> Iterator[SourceNote]:
        guess = self._guesses[name]
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

    def batches(
        self, schema: Schema | None = None, *, progress: ReadProgress | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types of ``schema``, or as those that were inferred.

        Raises
        ------
        SchemaMismatch
            ``schema`` has a column that the file has not, or a cell is not of its type.
        NotFinite
            A number is infinite or beyond a double.
        """
        wanted = schema or self.schema
        positions = {name: i for i, name in enumerate(self._dialect.names)}
        missing = [column.name for column in wanted if column.name not in positions]
        if missing:
            raise SchemaMismatch(f"Column {missing[0]!r} is missing.", field="file")
        arrow_schema = wanted.to_arrow()
        row = FIRST_ROW
        for batch in self._cells(progress):
            arrays = [
                typed_array(
                    batch.column(positions[column.name]),
                    column.type,
                    name=column.name,
                    first_row=row,
                    decimal_comma=self._guesses[column.name].decimal_comma,
                )
                for column in wanted
            ]
            row += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=arrow_schema)

    def _cells(self, progress: ReadProgress | None) -> Iterator[pa.RecordBatch]:
        """Yield all cells as text.

        A last row with a random mark is put after the end of the file: when it does not come back
        as a row of its own, a quote was opened and never closed, which Arrow alone would pass over
        in silence.
        """
        mark = f"end-{secrets.token_hex(16)}"
        ragged: list[csv.InvalidRow] = []
        width = len(self._dialect.names)
        rows = seen = 0
        is_closed = False

        tell = progress or _ignore

        def on_invalid(invalid: csv.InvalidRow) -> str:
            ragged.append(invalid)
            return "skip" if len(ragged) < self._limits.ragged_rows else "error"

        with self._text.open_utf8() as stream:
            stream.set_tail(f"\n{self._dialect.delimiter.join([mark] * width)}\n".encode())
            skip = self._dialect.header_bytes
            while skip > 0:
                skip -= len(stream.read(skip))
            try:
                for batch in self._reader(stream, on_invalid):
                    count = batch.num_rows
                    if count and batch.column(0)[count - 1].as_py() == mark:
                        is_closed = True
                        count -= 1
                    rows += count
                    if count and not ragged:
                        yield batch.slice(0, count)
                    # Arrow reads ahead in a thread of its own: what counts for the progress is
                    # what has arrived here, and it is told from here, the caller's thread.
                    seen += _text_bytes(batch)
                    tell(min(0.99, stream.bytes_read / self._size, seen / self._size))
            except pa.ArrowInvalid as error:
                if not ragged:
                    raise self._explained(error, rows) from error
        self._refuse(ragged, mark, rows, is_closed=is_closed)
        tell(1.0)

    def _refuse(
        self, ragged: list[csv.InvalidRow], mark: str, rows: int, *, is_closed: bool
    ) -> None:
        swallowed = [invalid for invalid in ragged if mark in (invalid.text or "")]
        if swallowed or (not ragged and not is_closed):
            row = swallowed[0].number + 1 if swallowed else rows + FIRST_ROW - 1
            raise UnclosedQuote(
                f"A quote that opens in row {row} (or just before) is never closed.",
                field="file",
                row=row,
            )
        if ragged:
            width = len(self._dialect.names)
            raise _ragged(ragged, width, is_all=len(ragged) < self._limits.ragged_rows)

    def _reader(self, stream: object, on_invalid: object) -> Iterator[pa.RecordBatch]:
        names = [f"c{i}" for i in range(len(self._dialect.names))]
        reader = csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=self._limits.block_bytes, column_names=names
            ),
            parse_options=csv.ParseOptions(
                delimiter=self._dialect.delimiter,
                newlines_in_values=True,
                invalid_row_handler=on_invalid,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        yield from reader

    def _explained(self, error: pa.ArrowInvalid, rows: int) -> Exception:
        if "straddling" in str(error):
            megabytes = self._limits.block_bytes / (1 << 20)
            return RowTooLarge(
                f"A row after row {rows + FIRST_ROW - 1} is longer than {megabytes:g} MB, "
                "or a quote there is never closed.",
                field="file",
            )
        return UnreadableFile(
            f"The rows after row {rows + FIRST_ROW - 1} cannot be read.", field="file"
        )


def _text_bytes(batch: pa.RecordBatch) -> int:
    """Return about how many bytes of text a batch of cells was: its data and the delimiters."""
    offsets = 4 * (batch.num_rows + 1) * batch.num_columns
    size: int = max(0, batch.nbytes - offsets) + batch.num_rows * batch.num_columns
    return size


def _ignore(fraction: float) -> None:
    """Nobody wants to know."""


def _ragged(rows: list[csv.InvalidRow], width: int, *, is_all: bool) -> RaggedRows:
    # Arrow counts from 1 and does not see the header.
    found = [(row.number + 1, row.actual_columns) for row in rows]
    numbers = ", ".join(str(number) for number, _ in found)
    count = f"{len(found)} row(s) do" if is_all else f"At least {len(found)} rows do"
    more = "" if is_all else ", …"
    return RaggedRows(
        f"{count} not have the {width} cell(s) of the header: row {numbers}{more}.",
        errors=[
            FieldError("file", f"row {number} has {cells} cell(s) instead of {width}")
            for number, cells in found
        ],
        rows=[number for number, _ in found],
    )
