"""Cutting delimited text into blocks of whole rows, and reading the blocks side by side.

A block ends where a row seems to end: at a line end before which the quotes come in pairs. That is a
guess, and it is checked: behind each block a last row with a random mark is put, and only when it comes
back as a row of its own was no quote open at the end of the block. By induction from the first block,
every block then began where a row begins. Where a guess was wrong, all that follows is read in one
stream, by Arrow alone.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import csv

from datasets.errors import RowTooLarge, UnclosedQuote, UnreadableFile
from datasets.formats.cutting import BadBytesError, Cut, Cutter
from datasets.formats.dialect import Dialect
from datasets.formats.encoding import Utf8Stream
from datasets.formats.limits import Limits

FIRST_ROW = 2
"""The header is row 1, as in a spreadsheet; empty lines are not counted."""

_MOST_THREADS = 4
_MOST_RAGGED = 50_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """A row that has not as many cells as the header: its place in the block, its cells, its text."""

    position: int
    cells: int
    text: str


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """Rows that follow one another, as text, and what was made of them.

    Parameters
    ----------
    cells
        The rows that fit the header; the columns are named ``c0``, ``c1``, …
    ragged
        Those that do not.
    made
        What the caller's function made of ``cells``.
    text_bytes
        About how many bytes of the file the block was.
    """

    cells: pa.RecordBatch
    ragged: tuple[RaggedRow, ...]
    made: T
    text_bytes: int

    @property
    def row_count(self) -> int:
        """All rows of the block."""
        return int(self.cells.num_rows) + len(self.ragged)

    def row_numbers(self, first_row: int) -> list[int]:
        """Return the number in the file of each row that fits."""
        if not self.ragged:
            return list(range(first_row, first_row + self.cells.num_rows))
        places = np.ones(self.row_count, dtype=bool)
        places[[row.position for row in self.ragged]] = False
        return [first_row + int(at) for at in np.flatnonzero(places)]


class _OpenQuoteError(Exception):
    """A quote is open at the end of a block."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    cells: pa.RecordBatch
    ragged: tuple[RaggedRow, ...]


class BlockReader(Generic[T]):
    """Reads delimited text block by block.

    Parameters
    ----------
    stream
        The text, behind its header.
    dialect
        How cells are separated, and how many there are in a row.
    make
        Called with the rows of each block, in one of several threads.
    """

    def __init__(
        self,
        stream: Utf8Stream,
        dialect: Dialect,
        limits: Limits,
        make: Callable[[pa.RecordBatch], T],
    ) -> None:
        self._stream = stream
        self._delimiter = dialect.delimiter
        self._names = [f"c{i}" for i in range(len(dialect.names))]
        self._limits = limits
        self._make = make
        self._mark = f"end-{secrets.token_hex(16)}"
        self._mark_row = f"\n{dialect.delimiter.join([self._mark] * len(self._names))}\n".encode()
        self._cutter = Cutter(stream, limits.block_bytes, self._mark_row)
        self._rows = 0

    def blocks(self) -> Iterator[Block[T]]:
        """Yield the blocks in order.

        Raises
        ------
        BadBytesError
            The text is not what it was taken for.
        UnclosedQuote, RowTooLarge, UnreadableFile
            As their names say.
        """
        waiting: deque[tuple[Cut, Future[Block[T]]]] = deque()
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="csv")
        try:
            while (cut := self._cutter.next()) is not None:
                if not cut.is_whole:
                    # No line end to cut at: Arrow's own reader finds out what is the matter.
                    yield from self._settled(waiting)
                    self._cutter.push_back([cut])
                    yield from self._in_one_stream()
                    return
                waiting.append((cut, pool.submit(self._read, cut)))
                if len(waiting) > threads:
                    yield self._next(waiting)
            yield from self._settled(waiting)
        except _OpenQuoteError:
            wait([future for _, future in waiting])
            self._cutter.push_back([cut for cut, _ in waiting])
            waiting.clear()
            yield from self._in_one_stream()
        finally:
            pool.shutdown(cancel_futures=True)

    def _settled(self, waiting: deque[tuple[Cut, Future[Block[T]]]]) -> Iterator[Block[T]]:
        while waiting:
            yield self._next(waiting)

    def _next(self, waiting: deque[tuple[Cut, Future[Block[T]]]]) -> Block[T]:
        block = waiting[0][1].result()
        cut, _ = waiting.popleft()
        self._cutter.release(cut)
        self._rows += block.row_count
        return block

    def _read(self, cut: Cut) -> Block[T]:
        cut.check()
        ragged: list[RaggedRow] = []
        try:
            table = csv.read_csv(
                pa.BufferReader(cut.marked),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=cut.marked_size + 1, column_names=self._names
                ),
                parse_options=self._parse_options(ragged, 0),
                convert_options=self._convert_options(check_utf8=False),
            )
        except pa.ArrowInvalid as error:
            raise _OpenQuoteError from error  # or too many ragged rows: read again, more patiently
        count = table.num_rows - 1
        if count < 0 or table.column(0)[count].as_py() != self._mark:
            raise _OpenQuoteError
        batches = table.slice(0, count).combine_chunks().to_batches()
        cells = batches[0] if batches else _no_rows(self._names)
        return Block(cells, tuple(ragged), self._make(cells), cut.size)

    def _in_one_stream(self) -> Iterator[Block[T]]:
        """Yield what is left, read by Arrow in one go, block after block."""
        self._stream.set_tail(self._mark_row)
        first = rows = self._rows
        ragged: list[RaggedRow] = []
        is_closed = False
        try:
            reader = csv.open_csv(
                pa.PythonFile(_Checked(self._stream), mode="r"),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=self._limits.block_bytes, column_names=self._names
                ),
                parse_options=self._parse_options(ragged, first),
                convert_options=self._convert_options(check_utf8=True),
            )
            for batch in reader:
                count = batch.num_rows
                if count and batch.column(0)[count - 1].as_py() == self._mark:
                    is_closed = True
                    count -= 1
                # What Arrow has read ahead and found ragged may lie behind this batch.
                upto, found = rows + count, []
                while ragged and ragged[0].position <= upto:
                    found.append(ragged.pop(0))
                    upto += 1
                self._refuse_swallowed(found)
                cells = batch.slice(0, count)
                placed = tuple(RaggedRow(r.position - rows, r.cells, r.text) for r in found)
                yield Block(cells, placed, self._make(cells), _text_bytes(batch))
                rows = upto
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error):
                raise BadBytesError from error
            self._refuse_swallowed(ragged)
            yield from self._left_over(ragged)
            raise self._explained(error, rows) from error
        self._refuse_swallowed(ragged)
        if ragged:
            yield from self._left_over(ragged)
        elif not is_closed:
            raise _unclosed(rows + FIRST_ROW - 1)

    def _left_over(self, ragged: list[RaggedRow]) -> Iterator[Block[T]]:
        if ragged:
            placed = tuple(RaggedRow(i, row.cells, row.text) for i, row in enumerate(ragged))
            nothing = _no_rows(self._names)
            yield Block(nothing, placed, self._make(nothing), 0)

    def _refuse_swallowed(self, ragged: list[RaggedRow]) -> None:
        for row in ragged:
            if self._mark in row.text:
                raise _unclosed(row.position + FIRST_ROW)

    def _convert_options(self, *, check_utf8: bool) -> csv.ConvertOptions:
        return csv.ConvertOptions(
            column_types=dict.fromkeys(self._names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=check_utf8,
        )

    def _parse_options(self, ragged: list[RaggedRow], first: int) -> csv.ParseOptions:
        def on_invalid(row: csv.InvalidRow) -> str:
            # Arrow counts from 1 and does not see the header.
            ragged.append(RaggedRow(first + row.number - 1, row.actual_columns, row.text or ""))
            return "skip" if len(ragged) < _MOST_RAGGED else "error"

        return csv.ParseOptions(
            delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=on_invalid
        )

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


class _Checked:
    """A stream of bytes that are checked on their way."""

    closed = False

    def __init__(self, stream: Utf8Stream) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if b"\x00" in data:
            raise BadBytesError
        return data

    def close(self) -> None:
        """Leave the stream to its owner."""


def _unclosed(row: int) -> UnclosedQuote:
    return UnclosedQuote(
        f"A quote that opens in row {row} (or just before) is never closed.", field="file", row=row
    )


def _no_rows(names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(names), names=names)


def _text_bytes(batch: pa.RecordBatch) -> int:
    """Return about how many bytes of text a batch of cells was: its data and the delimiters."""
    offsets = 4 * (batch.num_rows + 1) * batch.num_columns
    size: int = max(0, batch.nbytes - offsets) + batch.num_rows * batch.num_columns
    return size
