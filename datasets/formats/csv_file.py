"""CSV files: read once when the types were guessed well, twice when not, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from core.errors import DomainError
from datasets.errors import NoRows, SchemaMismatch, UnreadableFile
from datasets.formats.bad_rows import Quarantine, cell_count, ragged_refusal
from datasets.formats.blocks import FIRST_ROW, Block, BlockReader
from datasets.formats.cutting import BadBytesError
from datasets.formats.dialect import Dialect, read_dialect
from datasets.formats.encoding import TextFile, detect_text, suppose_text
from datasets.formats.limits import Limits
from datasets.formats.source import (
    ReadProgress,
    SchemaRefuted,
    SourceNote,
    guess_notes,
    guessed_schema,
    ignore_progress,
)
from datasets.schema import ColumnType, Schema
from datasets.schema.conversion import typed_array, unreadable
from datasets.schema.inference import ColumnGuess
from datasets.schema.quick import Reading, quick_read

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 8
_Made = list[tuple[pa.Array | None, ColumnGuess | None]]
"""Of each column: its values, where they could be read at once; what its cells tell about its type."""


class CsvFile:
    """A CSV file with a header.

    Cells are separated by the delimiter that :func:`read_dialect` finds; cells in double quotes
    may hold delimiters, line ends and doubled quotes. An empty cell, quoted or not, is null. Empty
    lines are skipped.

    Types follow from *all* cells (:class:`datasets.schema.inference.ColumnGuess`). So that one pass is mostly
    enough, they are supposed from samples of the file when it is opened; :meth:`attempt` reads the rows
    as those types, looks at every cell, and says at the end when the supposition was wrong.

    Parameters
    ----------
    delimiter
        What separates the cells, where the name of the file says so (``.tsv``).
    quarantine
        Takes the rows that cannot be read; without it the file is refused because of them.

    Raises
    ------
    DomainError
        One of the refusals of :mod:`datasets.errors`, naming rows or columns.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits | None = None,
        *,
        delimiter: str | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._path = path
        self._limits = limits or Limits()
        self._quarantine = quarantine
        self._given_delimiter = delimiter
        self._size = max(1, path.stat().st_size)
        self._is_checked = False
        self._is_known = False
        self.row_count = 0
        self.row_numbers: Sequence[int] | None = None
        self._open(suppose_text(path))

    def _open(self, text: TextFile | None) -> None:
        self._is_checked = text is None
        self._text: TextFile = text or detect_text(self._path)
        self._dialect: Dialect = read_dialect(
            self._text, self._limits, delimiter=self._given_delimiter
        )
        self._guesses = self._no_guesses()
        self._supposed = {
            name: guess.reading
            for name, guess in zip(self._dialect.names, self._sampled(), strict=True)
        }

    def _no_guesses(self) -> dict[str, ColumnGuess]:
        has_commas = self._dialect.delimiter != ","
        return {name: ColumnGuess(decimal_comma=has_commas) for name in self._dialect.names}

    @property
    def format(self) -> str:
        """``tsv`` where tabs separate the cells, else ``csv``."""
        return "tsv" if self._dialect.delimiter == "\t" else "csv"

    @property
    def description(self) -> dict[str, str]:
        """Encoding and delimiter that were found."""
        return {"encoding": self._text.encoding, "delimiter": self._dialect.delimiter}

    @property
    def supposed_schema(self) -> Schema:
        """What the samples say; what the whole file says, once it has been read."""
        if self._is_known:
            return self.schema
        return guessed_schema({name: type_ for name, (type_, _) in self._supposed.items()})

    @property
    def schema(self) -> Schema:
        """The schema that all rows allow; reads the file when that has not been done."""
        if not self._is_known:
            self.infer()
        return guessed_schema({name: guess.type for name, guess in self._guesses.items()})

    @property
    def notes(self) -> tuple[SourceNote, ...]:
        """Cells read as missing, decimal commas, and times whose zone had to be assumed."""
        return tuple(
            note for name, guess in self._guesses.items() for note in guess_notes(name, guess)
        )

    def infer(self, *, progress: ReadProgress | None = None) -> None:
        """Look at all rows for the types alone."""
        try:
            for _ in self._pass({}, infers=True, progress=progress):
                pass
        except SchemaRefuted:
            if not self._is_known:
                self.infer(progress=progress)

    def attempt(self, *, progress: ReadProgress | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows as the types of ``supposed_schema``, while looking at every cell.

        Raises
        ------
        SchemaRefuted
            At the end: the file as a whole says something else. All that was yielded is void.
        """
        yield from self._pass(self._supposed, infers=True, progress=progress)

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
        SchemaRefuted
            The text is not in the encoding in which it begins. That has been found out now: ask again.
        """
        if not self._is_known and (schema is None or self._may_have_commas(schema)):
            self.infer()
        wanted = schema or self.schema
        missing = [column.name for column in wanted if column.name not in self._guesses]
        if missing:
            raise SchemaMismatch(f"Column {missing[0]!r} is missing.", field="file")
        readings = {c.name: (c.type, self._reads_comma(c.name, c.type)) for c in wanted}
        yield from self._pass(readings, infers=False, progress=progress)

    def _may_have_commas(self, schema: Schema) -> bool:
        has_numbers = any(column.type is ColumnType.NUMBER for column in schema)
        return self._dialect.delimiter != "," and has_numbers

    def _reads_comma(self, name: str, type_: ColumnType) -> bool:
        return type_ is ColumnType.NUMBER and self._guesses[name].decimal_comma

    def _pass(
        self,
        readings: Mapping[str, Reading],
        *,
        infers: bool,
        progress: ReadProgress | None,
    ) -> Iterator[pa.RecordBatch]:
        """Read the file once: convert to ``readings`` (none: do not), take the types from all cells."""
        names = self._dialect.names
        if infers:
            self._guesses = self._no_guesses()
        if self._quarantine is not None:
            self._quarantine.clear()
        target = guessed_schema({name: type_ for name, (type_, _) in readings.items()}).to_arrow()
        order = [names.index(name) for name in readings]
        told = _Told(progress or ignore_progress, self._size)
        ragged = _Ragged(len(names), self._limits, self._quarantine)
        is_refuted = infers and not readings
        row, good = FIRST_ROW, 0

        def make(cells: pa.RecordBatch) -> _Made:
            return [
                _made(column, readings.get(name), self._guesses[name].part() if infers else None)
                for name, column in zip(names, cells.columns, strict=True)
            ]

        for block, bytes_read in self._blocks(make):
            if infers:
                is_refuted |= self._merge(block.made, order)
            ragged.take(block, row)
            if not is_refuted and not ragged.refuses and block.cells.num_rows:
                columns = self._columns(block, row, readings, order)
                batch = pa.RecordBatch.from_arrays(columns, schema=target)
                good += batch.num_rows
                yield batch
            row += block.row_count
            told.seen(block.text_bytes, bytes_read)
        ragged.refuse()
        self.row_count = row - FIRST_ROW
        self._conclude(infers=infers)
        told.all()
        if not is_refuted and self._quarantine is not None:
            self._quarantine.check(good)
        if infers and readings:
            found = {name: guess.reading for name, guess in self._guesses.items()}
            if is_refuted or found != readings:
                raise SchemaRefuted

    def _blocks(
        self, make: Callable[[pa.RecordBatch], _Made]
    ) -> Iterator[tuple[Block[_Made], int]]:
        """Yield the blocks of the file, each with how many bytes had been read by then."""
        try:
            with self._text.open_utf8() as stream:
                skip = self._dialect.header_bytes
                while skip > 0:
                    skip -= len(stream.read(skip))
                for block in BlockReader(stream, self._dialect, self._limits, make).blocks():
                    yield block, stream.bytes_read
        except BadBytesError:
            if self._is_checked:
                raise UnreadableFile("The text cannot be decoded.", field="file") from None
            self._open(detect_text(self._path))
            self._is_checked = True
            raise SchemaRefuted from None

    def _merge(self, made: _Made, order: list[int]) -> bool:
        """Take in what a block says about the types; True when it is not what was supposed."""
        for guess, (_, part) in zip(self._guesses.values(), made, strict=True):
            assert part is not None
            guess.merge(part)
        return any(made[at][0] is None for at in order)

    def _conclude(self, *, infers: bool) -> None:
        self._is_checked = True
        self._is_known |= infers
        bad = 0 if self._quarantine is None else len(self._quarantine)
        if self.row_count == 0 or self.row_count == bad:
            raise NoRows("There is a header, but no row below it.", field="file")

    def _columns(
        self,
        block: Block[_Made],
        first_row: int,
        readings: Mapping[str, Reading],
        order: list[int],
    ) -> list[pa.Array]:
        """Return the values of a block; what could not be read at once is looked at closely."""
        numbers = [] if self._quarantine is None else block.row_numbers(first_row)
        self.row_numbers = numbers or None
        rest = [
            (name, at)
            for name, at in zip(readings, order, strict=True)
            if block.made[at][0] is None
        ]
        if not rest:
            return [block.made[at][0] for at in order]
        bad: dict[int, tuple[str, str]] = {}
        if self._quarantine is not None:
            for name, at in rest:
                type_, comma = readings[name]
                for place, why in unreadable(block.cells.column(at), type_, decimal_comma=comma):
                    bad.setdefault(place, (name, why))
            self.row_numbers = [n for place, n in enumerate(numbers) if place not in bad]
            for place in sorted(bad):
                raw = self._raw(block.cells, place)
                name, why = bad[place]
                self._quarantine.add(
                    numbers[place], f"column {name!r}: {why}", raw=raw, column=name
                )
        keep = pa.array(np.isin(np.arange(block.cells.num_rows), list(bad), invert=True))
        found: list[pa.Array] = []
        for name, at in zip(readings, order, strict=True):
            values = block.made[at][0]
            if values is None:
                type_, comma = readings[name]
                found.append(
                    typed_array(
                        block.cells.column(at).filter(keep) if bad else block.cells.column(at),
                        type_,
                        name=name,
                        first_row=first_row,
                        decimal_comma=comma,
                    )
                )
            else:
                found.append(values.filter(keep) if bad else values)
        return found

    def _raw(self, cells: pa.RecordBatch, at: int) -> str:
        return self._dialect.delimiter.join(column[at].as_py() or "" for column in cells.columns)

    def _sampled(self) -> list[ColumnGuess]:
        """Return what stretches of the file from its start to its end say about the types."""
        guesses = list(self._no_guesses().values())
        start = self._text.mark_bytes + self._dialect.header_bytes
        step = max(_SAMPLE_BYTES, (self._size - start) // _SAMPLES)
        is_utf8 = self._text.encoding == "utf-8"
        if not is_utf8:
            with self._text.open_utf8() as stream:
                stream.read(self._dialect.header_bytes)
                self._look_at(stream.read(_SAMPLE_BYTES), guesses, is_first=True)
            return guesses
        with self._path.open("rb") as raw:
            for number in range(_SAMPLES):
                offset = start + number * step
                if offset >= self._size:
                    break
                raw.seek(offset)
                self._look_at(raw.read(_SAMPLE_BYTES), guesses, is_first=number == 0)
        return guesses

    def _look_at(self, data: bytes, guesses: list[ColumnGuess], *, is_first: bool) -> None:
        begin = 0 if is_first else data.find(b"\n") + 1
        end = data.rfind(b"\n") + 1
        if len(data) < _SAMPLE_BYTES:
            end = len(data)
        try:
            rows = csv.read_csv(
                pa.BufferReader(data[begin:end]),
                read_options=csv.ReadOptions(
                    use_threads=False,
                    block_size=2 * _SAMPLE_BYTES,
                    column_names=[f"c{i}" for i in range(len(guesses))],
                ),
                parse_options=csv.ParseOptions(
                    delimiter=self._dialect.delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=lambda _: "skip",
                ),
                convert_options=csv.ConvertOptions(
                    column_types={f"c{i}": pa.string() for i in range(len(guesses))},
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            ).combine_chunks()
        except pa.ArrowInvalid:
            return
        for guess, column in zip(guesses, rows.columns, strict=True):
            for chunk in column.chunks:
                guess.update(chunk)


def _made(
    cells: pa.Array, reading: Reading | None, guess: ColumnGuess | None
) -> tuple[pa.Array | None, ColumnGuess | None]:
    if guess is None:
        return (None if reading is None else _read_at_once(cells, reading)), None
    if reading is None:
        guess.update(cells)
        return None, guess
    return guess.read(cells, reading), guess


def _read_at_once(cells: pa.Array, reading: Reading) -> pa.Array | None:
    type_, comma = reading
    found = quick_read(cells, reading)
    if found is not None:
        return found.values
    try:
        return typed_array(cells, type_, name="", first_row=0, decimal_comma=comma)
    except DomainError:
        return None  # said again where the numbers of the rows are known


class _Ragged:
    """What becomes of rows that do not have the cells of the header."""

    def __init__(self, width: int, limits: Limits, quarantine: Quarantine | None) -> None:
        self._width = width
        self._most = limits.ragged_rows
        self._quarantine = quarantine
        self._found: list[tuple[int, int]] = []

    @property
    def refuses(self) -> bool:
        """Whether the file will be refused, so that no more rows are needed."""
        return bool(self._found)

    def take(self, block: Block[_Made], first_row: int) -> None:
        for ragged in block.ragged:
            number = first_row + ragged.position
            if self._quarantine is not None:
                reason = cell_count(ragged.cells, self._width)
                self._quarantine.add(number, reason, raw=ragged.text)
                continue
            self._found.append((number, ragged.cells))
            if len(self._found) >= self._most:
                raise ragged_refusal(self._found, self._width, is_all=False)

    def refuse(self) -> None:
        if self._found:
            raise ragged_refusal(self._found, self._width, is_all=True)


class _Told:
    """Progress by bytes: what has arrived counts, not what has been read ahead."""

    def __init__(self, tell: ReadProgress, size: int) -> None:
        self._tell = tell
        self._size = size
        self._seen = 0

    def seen(self, text_bytes: int, read_bytes: int) -> None:
        self._seen += text_bytes
        self._tell(min(0.99, read_bytes / self._size, self._seen / self._size))

    def all(self) -> None:
        self._tell(1.0)
