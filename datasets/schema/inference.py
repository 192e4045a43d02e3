"""Finding the type of a column of text from all of its cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from datasets.errors import NotFinite
from datasets.schema import text
from datasets.schema.columns import ColumnType
from datasets.schema.conversion import typed_array
from datasets.schema.quick import (
    BOOLEAN,
    COMMA,
    INTEGER,
    NUMBER,
    TIMESTAMP,
    QuickRead,
    Reading,
    quick_read,
)

_READINGS: Final[Mapping[Reading, Callable[[pa.Array], pa.Array]]] = {
    BOOLEAN: text.is_boolean,
    INTEGER: text.is_integer,
    NUMBER: text.is_number,
    COMMA: lambda values: text.is_number(values, decimal_comma=True),
    TIMESTAMP: text.is_timestamp,
}
"""Every reading, in order of preference; what remains after the last row wins."""

_STRING: Final[Reading] = (ColumnType.STRING, False)
_FIRST_LOOK = 256


class ColumnGuess:
    """Narrows down what a column can be, batch by batch.

    A type is possible as long as every cell that is not missing can be read as it without losing
    anything. Among the possible types the first of boolean, integer, number, number with a decimal
    comma, timestamp wins; a column for which none is left, that has no values at all, or whose
    integers pass 64 bits is a string. The order of the cells does not matter, nor how they are cut
    into batches, so that parts can be looked at apart and put together with :meth:`merge`.

    Parameters
    ----------
    decimal_comma
        Whether ``3,14`` may be a number in this file (its cells are not separated by commas).

    Examples
    --------
    >>> guess = ColumnGuess()
    >>> guess.update(pa.array(["1", "2", None]))
    >>> guess.type.value
    'integer'
    >>> guess.update(pa.array(["007"]))
    >>> guess.type.value
    'string'
    """

    def __init__(self, *, decimal_comma: bool = False) -> None:
        self._possible: list[Reading] = [
            reading for reading in _READINGS if decimal_comma or not reading[1]
        ]
        self._saw_finite = False
        self._saw_fraction = False
        self._looks_numeric = True
        self.null_count = 0
        self.missing_count = 0
        self.naive_times = False
        self.zoned_times = False
        self.inexact_example: str | None = None

    def part(self) -> ColumnGuess:
        """Return a guess for other cells of the column: as much is open, nothing has been counted."""
        found = ColumnGuess()
        found._possible = list(self._possible)
        found._looks_numeric = self._looks_numeric
        return found

    def merge(self, other: ColumnGuess) -> None:
        """Take in what a part of the column has told."""
        self._possible = [one for one in self._possible if one in other._possible]
        self._saw_finite |= other._saw_finite
        self._saw_fraction |= other._saw_fraction
        self._looks_numeric &= other._looks_numeric
        self.null_count += other.null_count
        self.missing_count += other.missing_count
        self.naive_times |= other.naive_times
        self.zoned_times |= other.zoned_times
        if self.inexact_example is None:
            self.inexact_example = other.inexact_example

    def restrict(self, types: Collection[ColumnType]) -> None:
        """Leave only these types open: a file that tells a number from a text has said so itself."""
        self._possible = [one for one in self._possible if one[0] in types]
        self._looks_numeric &= ColumnType.NUMBER in types

    def update(self, cells: pa.Array) -> None:
        """Take in further cells; null is the empty cell."""
        self.null_count += cells.null_count
        if not self._possible and not self._looks_numeric:
            return
        values = text.trimmed(cells.drop_null())
        missing = text.is_missing(values)
        self.missing_count += pc.sum(missing).as_py() or 0
        values = values.filter(pc.invert(missing))
        if len(values) == 0:
            return
        infinite = text.is_infinite(values)
        finite = values.filter(pc.invert(infinite))
        self._saw_finite = self._saw_finite or len(finite) > 0
        self._saw_fraction = self._saw_fraction or bool(pc.any(text.is_fraction(values)).as_py())
        self._look_for_inexact(finite)
        has_infinite = len(finite) < len(values)
        self._possible = [
            reading
            for reading in self._possible
            if not (has_infinite and reading[0] is not ColumnType.NUMBER) and _fit(finite, reading)
        ]
        if TIMESTAMP in self._possible:
            zoned = text.is_zoned(values)
            self.zoned_times = self.zoned_times or bool(pc.any(zoned).as_py())
            self.naive_times = self.naive_times or not pc.all(zoned).as_py()

    def _look_for_inexact(self, values: pa.Array) -> None:
        """Remember a number whose digits a double cannot carry, as long as all cells are numbers."""
        if not self._looks_numeric:
            return
        head = text.looks_numeric(values.slice(0, _FIRST_LOOK))
        if not pc.all(head, min_count=0).as_py():
            self._looks_numeric = False
            return
        looks = text.looks_numeric(values)
        self._looks_numeric = bool(pc.all(looks, min_count=0).as_py())
        if self._looks_numeric and self.inexact_example is None:
            lost = values.filter(pc.invert(text.is_number(values)))
            self.inexact_example = lost[0].as_py() if len(lost) else None

    def read(self, cells: pa.Array, reading: Reading) -> pa.Array | None:
        """Take in further cells, and return them as values of a reading; None when they are not.

        The same as :meth:`update` followed by the conversion, but in one go where it is plain that the
        cells fit. Infinite numbers are not values: the caller says which rows have them.
        """
        if reading == _STRING:
            self.update(cells)
            return cells
        found = quick_read(cells, reading)
        if found is None:
            values = text.trimmed(cells)
            missing = text.is_missing(values)
            values = pc.if_else(missing, pa.scalar(None, pa.string()), values)
            found = quick_read(values, reading)
            if found is None:
                return self._read_closely(cells, reading)
            self.missing_count += pc.sum(missing).as_py() or 0
        self.null_count += cells.null_count
        self._narrow(found)
        return found.values

    def _narrow(self, found: QuickRead) -> None:
        if found.values.null_count == len(found.values):
            return
        self._possible = [one for one in self._possible if one in found.fits]
        self._saw_finite = True
        self._saw_fraction |= found.has_fraction
        self.inexact_example = self.inexact_example or found.inexact_example
        is_time = TIMESTAMP in found.fits
        self._looks_numeric &= not is_time and BOOLEAN not in found.fits
        self.zoned_times |= is_time and found.zoned
        self.naive_times |= is_time and not found.zoned

    def _read_closely(self, cells: pa.Array, reading: Reading) -> pa.Array | None:
        self.update(cells)
        if reading not in self._possible:
            return None
        try:
            return typed_array(cells, reading[0], name="", first_row=0, decimal_comma=reading[1])
        except NotFinite:
            return None

    @property
    def reading(self) -> Reading:
        """The type that all cells seen so far allow, and whether decimal commas are read."""
        if not self._saw_finite or not self._possible:
            return _STRING
        first = self._possible[0]
        if first[0] is ColumnType.NUMBER and not self._saw_fraction:
            return _STRING
        return first

    @property
    def type(self) -> ColumnType:
        """The type that all cells seen so far allow."""
        return self.reading[0]

    @property
    def decimal_comma(self) -> bool:
        """Whether the numbers of the column are written with a decimal comma."""
        return self.reading[1]

    @property
    def is_inexact(self) -> bool:
        """Whether the column is text only because a double cannot carry the digits of its numbers."""
        return (
            self.type is ColumnType.STRING
            and self._looks_numeric
            and self._saw_fraction
            and self.inexact_example is not None
        )


def _fit(values: pa.Array, reading: Reading) -> bool:
    """Whether all cells allow a reading; the first few are looked at alone, because most misfits show at once."""
    check = _READINGS[reading]
    head = check(values.slice(0, _FIRST_LOOK))
    if not pc.all(head, min_count=0).as_py():
        return False
    return len(values) <= _FIRST_LOOK or bool(pc.all(check(values)).as_py())
