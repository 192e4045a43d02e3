"""Reading a whole batch of cells at once, when it is plain that nothing is lost by it.

These readings are an optimisation and nothing else: each gives either exactly what the rules of
:mod:`datasets.schema.text` give for the same cells, or None ("not plain; look closely"). Arrow parses
the cells, which is a check of nearly all of their grammar; what Arrow takes and the rules do not
(leading zeros, hexadecimal digits, an hour alone) is told by looking at a few bytes of each cell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datasets.schema import text
from datasets.schema.columns import ColumnType
from datasets.schema.rounding import Decimals, surely_rounded

Reading = tuple[ColumnType, bool]
"""A type, and whether numbers are written with a decimal comma."""

BOOLEAN: Reading = (ColumnType.BOOLEAN, False)
INTEGER: Reading = (ColumnType.INTEGER, False)
NUMBER: Reading = (ColumnType.NUMBER, False)
COMMA: Reading = (ColumnType.NUMBER, True)
TIMESTAMP: Reading = (ColumnType.TIMESTAMP, False)

_SAFE_DIGITS = 15
_ZERO, _NINE, _MINUS, _PLUS, _DOT, _COLON = b"09-+.:"
_POWER_SIGNS = frozenset(b"eE")
_HOUR_END = 13
_SHORTEST_TIME = 16
_DATE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class QuickRead:
    """The values of a batch, and what else they tell about their column.

    Parameters
    ----------
    values
        The values, in the Arrow type of the reading.
    fits
        Every reading that all the cells allow.
    has_fraction
        Whether a cell is not written as a plain integer.
    zoned
        Of moments: whether the cells name their offset from UTC.
    inexact_example
        An integer that a double could not carry.
    """

    values: pa.Array
    fits: frozenset[Reading]
    has_fraction: bool = False
    zoned: bool = False
    inexact_example: str | None = None


def quick_read(cells: pa.Array, reading: Reading) -> QuickRead | None:
    """Return the values of cells (nulls stay null), or None when a closer look is needed."""
    match reading:
        case (ColumnType.INTEGER, False):
            return _integers(cells)
        case (ColumnType.NUMBER, False):
            return _numbers(cells)
        case (ColumnType.BOOLEAN, False):
            return _booleans(cells)
        case (ColumnType.TIMESTAMP, False):
            return _moments(cells)
        case _:
            return None


def looks_numeric(values: pa.Array) -> pa.Array:
    """Tell which texts are written as decimal numbers, white space around them apart; no nulls.

    The same as :func:`datasets.schema.text.looks_numeric` of trimmed cells; where there is nothing but digits
    in all of them (codes, post codes), a zero at the beginning is all that can speak against a number.
    """
    found = _Bytes.of(values)
    if not found.are_digits():
        return text.looks_numeric(text.trimmed(values))
    begins_with_zero = found.data.take(found.starts, mode="clip") == _ZERO
    return pa.array((found.lengths == 1) | ((found.lengths > 1) & ~begins_with_zero))


@dataclass(frozen=True, slots=True)
class _Bytes:
    """The bytes of the cells of one array, and where each cell begins and how long it is."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]

    @classmethod
    def of(cls, cells: pa.Array) -> _Bytes:
        _, offsets, data = cells.buffers()
        ends = np.frombuffer(offsets, "<i4", count=cells.offset + len(cells) + 1)[cells.offset :]
        content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        return cls(content, ends[:-1].astype(np.int64), np.diff(ends))

    def among(self, characters: bytes) -> frozenset[int]:
        """Return those of the characters that occur anywhere."""
        part = self._part().tobytes()
        return frozenset(character for character in characters if character in part)

    def with_any(self, characters: Collection[int]) -> npt.NDArray[np.bool_]:
        """Tell which cells hold any of the characters."""
        found = np.zeros(len(self.starts), dtype=np.bool_)
        part = self._part()
        for character in characters:
            # Of the cells that begin at or before it, the last one; empty cells share their beginning.
            places = np.flatnonzero(part == character) + self.starts[0]
            found[np.searchsorted(self.starts, places, side="right") - 1] = True
        return found

    def are_digits(self) -> bool:
        """Whether there are bytes, and all of them are digits."""
        part = self._part()
        return len(part) > 0 and bool(part.min() >= _ZERO) and bool(part.max() <= _NINE)

    def _part(self) -> npt.NDArray[np.uint8]:
        if len(self.starts) == 0:
            return self.data[:0]
        return self.data[self.starts[0] : self.starts[-1] + self.lengths[-1]]

    def has_leading_zero(self, *, fractions: bool) -> bool:
        """Whether a zero begins a number that goes on, behind its sign if it has one.

        Parameters
        ----------
        fractions
            A zero before anything but a digit is none, nor is a zero alone behind its sign.
        """
        if len(self.data) == 0:
            return False
        # Of all cells, because picking some takes longer. Empty ones show their neighbour, or the last byte.
        first = self.data.take(self.starts, mode="clip")
        plain = (first == _ZERO) & (self.lengths > 1)
        signed = (first == _MINUS) & (self.lengths > 1)
        if not plain.any() and not signed.any():
            return False
        second = self.data.take(self.starts + 1, mode="clip")
        signed &= second == _ZERO
        if fractions:
            third = self.data.take(self.starts + 2, mode="clip")
            plain &= _are_digits(second)
            signed &= _are_digits(third) & (self.lengths > 2)
        return bool(plain.any() or signed.any())


def _are_digits(characters: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return characters - np.uint8(_ZERO) <= _NINE - _ZERO


def _integers(cells: pa.Array) -> QuickRead | None:
    try:
        values = cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    if _Bytes.of(cells).has_leading_zero(fractions=False):
        return None
    inexact = _first_inexact(values)
    fits = {INTEGER} if inexact is not None else {INTEGER, NUMBER, COMMA}
    return QuickRead(values, frozenset(fits), inexact_example=inexact)


def _first_inexact(values: pa.Array) -> str | None:
    """Return the first integer that a double does not carry, if there is any."""
    bounds = pc.min_max(values)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low > -(10**_SAFE_DIGITS) and high < 10**_SAFE_DIGITS):
        return None
    present = values.drop_null().to_pylist()
    return next((str(v) for v in present if int(float(v)) != v), None)


def _numbers(cells: pa.Array) -> QuickRead | None:
    try:
        values = cells.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    found = _Bytes.of(cells)
    signs = found.among(b".eE+")
    if _DOT not in signs:
        return None
    powers = found.with_any(signs & _POWER_SIGNS)
    if _PLUS in signs and np.any(found.with_any({_PLUS}) & ~powers):
        return None
    if powers.any() and not pc.all(text.is_number(cells.filter(pa.array(powers)))).as_py():
        return None
    if not pc.all(pc.is_finite(values), min_count=0).as_py():
        return None
    if found.has_leading_zero(fractions=True) or not _all_carried(cells, values, found, ~powers):
        return None
    return QuickRead(values, frozenset({NUMBER}), has_fraction=True)


def _all_carried(
    cells: pa.Array, values: pa.Array, found: _Bytes, are_plain: npt.NDArray[np.bool_]
) -> bool:
    """Whether a double carries each of the numbers that are long, and plain (without a power of ten)."""
    is_long = (found.lengths > _SAFE_DIGITS) & are_plain
    if cells.null_count:
        is_long &= cells.is_valid().to_numpy(zero_copy_only=False)
    if not is_long.any():
        return True
    numbers = values.to_numpy(zero_copy_only=False)
    at = slice(None) if is_long.all() else np.flatnonzero(is_long)
    texts = Decimals(found.data, found.starts[at], found.lengths[at])
    is_open = np.flatnonzero(is_long)[~surely_rounded(texts, numbers[at])]
    return all(text.carries(one) for one in cells.take(pa.array(is_open)).to_pylist())


def _booleans(cells: pa.Array) -> QuickRead | None:
    # Arrow takes true and false in any case, and single digits, which the rules do not.
    try:
        values = cells.cast(pa.bool_())
    except pa.ArrowInvalid:
        return None
    if np.any(_Bytes.of(cells).lengths == 1):
        return None
    return QuickRead(values, frozenset({BOOLEAN}))


def _moments(cells: pa.Array) -> QuickRead | None:
    zoned = False
    try:
        # The same numbers, counted from the same moment: only the type says that it is UTC.
        values = cells.cast(pa.timestamp("us")).view(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        zoned = True
        try:
            values = cells.cast(pa.timestamp("us", "UTC"))
        except pa.ArrowInvalid:
            return None
    found = _Bytes.of(cells)
    times = (found.lengths != 0) & (found.lengths != _DATE_LENGTH)
    if np.any(times & (found.lengths < _SHORTEST_TIME)):
        return None
    starts = found.starts if times.all() else found.starts[times]
    if np.any(found.data.take(starts + _HOUR_END, mode="clip") != _COLON):
        return None
    bounds = pc.min_max(values.cast(pa.int64()))
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is not None and (low < text.FIRST_MOMENT_US or high > text.LAST_MOMENT_US):
        return None
    return QuickRead(values, frozenset({TIMESTAMP}), zoned=zoned)
