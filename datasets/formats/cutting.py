"""Cutting delimited text into blocks of whole rows, as far as counting quotes can tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from datasets.formats.encoding import Utf8Stream

_QUOTE = ord('"')
_MOST_STEPS = 2_000
_COUNTED_AT_ONCE = 1 << 18


class BadBytesError(Exception):
    """A block is no UTF-8, or holds a NUL."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Some rows of the text, with the mark behind them.

    Parameters
    ----------
    buffer
        Where they are; it will be used again after :meth:`Cutter.release`.
    size
        Bytes of the rows.
    marked_size
        Bytes with the mark.
    is_whole
        Whether a row seems to end at the end. If not, there is no mark.
    """

    buffer: bytearray
    size: int
    marked_size: int
    is_whole: bool = True

    @property
    def marked(self) -> memoryview:
        """The rows and the mark."""
        return memoryview(self.buffer)[: self.marked_size]

    def check(self) -> None:
        """Look at every byte.

        Raises
        ------
        BadBytesError
            The text is no UTF-8, or holds a NUL.
        """
        data = self.marked
        if np.frombuffer(data, np.uint8).min(initial=1) == 0:
            raise BadBytesError
        ends = pa.py_buffer(np.array([0, len(data)], dtype=np.int32))
        try:
            pa.StringArray.from_buffers(1, ends, pa.py_buffer(data)).validate(full=True)
        except pa.ArrowInvalid as error:
            raise BadBytesError from error


class Cutter:
    """Hands out a stream of text in blocks that end where a row seems to end: behind an even number of quotes.

    Blocks are read into buffers that are used again: fresh memory for each costs the system as much time
    as reading does.

    Parameters
    ----------
    stream
        The text.
    block_bytes
        How much is read at once; a block is up to twice as long.
    mark
        Put behind each block.
    """

    def __init__(self, stream: Utf8Stream, block_bytes: int, mark: bytes) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._mark = mark
        self._free: list[bytearray] = []
        self._are_quotes = np.empty(_COUNTED_AT_ONCE, dtype=np.bool_)
        self._left = b""
        self._is_over = False

    def next(self) -> Cut | None:
        """Return the next block; None when there is none, or after one that is not whole."""
        if self._is_over:
            return None
        size = 2 * self._block_bytes + len(self._mark)
        buffer = self._free.pop() if self._free else bytearray(size)
        before = len(self._left)
        buffer[:before] = self._left
        self._left = b""
        read = self._stream.fill(memoryview(buffer)[before : before + self._block_bytes])
        end = total = before + read
        self._is_over = read < self._block_bytes
        if not self._is_over:
            end = self._end_of_row(buffer, before, total)
            if end == 0:
                self._is_over = True
                return Cut(buffer, total, total, is_whole=False)
        self._left = bytes(memoryview(buffer)[end:total])
        buffer[end : end + len(self._mark)] = self._mark
        return Cut(buffer, end, end + len(self._mark))

    def release(self, cut: Cut) -> None:
        """Use the memory of a block again."""
        self._free.append(cut.buffer)

    def push_back(self, cuts: Iterable[Cut]) -> None:
        """Put blocks, and what was read behind the last of them, before what the stream gives next."""
        texts = [memoryview(cut.buffer)[: cut.size] for cut in cuts]
        self._stream.push_back(b"".join([*texts, self._left]))
        self._left = b""
        self._is_over = True

    def _end_of_row(self, buffer: bytearray, begin: int, total: int) -> int:
        """Return where the last row that ends behind ``begin`` ends; 0 when none does, or it is not plain."""
        end = buffer.rfind(b"\n", begin, total) + 1
        if end == 0:
            return 0
        quotes = self._count_quotes(buffer, end)
        for _ in range(_MOST_STEPS):
            if quotes % 2 == 0:
                return end
            earlier = buffer.rfind(b"\n", begin, end - 1) + 1
            if earlier == 0:
                return 0
            quotes -= buffer.count(b'"', earlier, end)
            end = earlier
        return 0

    def _count_quotes(self, buffer: bytearray, end: int) -> int:
        # Piece by piece, so that what is looked at twice is still at hand.
        content = np.frombuffer(buffer, np.uint8, count=end)
        total = 0
        for start in range(0, end, _COUNTED_AT_ONCE):
            piece = content[start : start + _COUNTED_AT_ONCE]
            found = np.equal(piece, _QUOTE, out=self._are_quotes[: len(piece)])
            total += int(np.count_nonzero(found))
        return total
