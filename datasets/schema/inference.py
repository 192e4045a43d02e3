"""Finding the type of a column of text from all of its cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from datasets.schema import text
from datasets.schema.columns import ColumnType

_Reading = tuple[ColumnType, bool]
_READINGS: Final[Mapping[_Reading, Callable[[pa.Array], pa.Array]]] = {
    (ColumnType.BOOLEAN, False): text.is_boolean,
    (ColumnType.INTEGER, False): text.is_integer,
    (ColumnType.NUMBER, False): text.is_number,
    (ColumnType.NUMBER, True): lambda values: text.is_number(values, decimal_comma=True),
    (ColumnType.TIMESTAMP, False): text.is_timestamp,
}
"""Type and "decimal comma?", in order of preference; what remains after the last row wins."""


class ColumnGuess:
    """Narrows down what a column can be, batch by batch.

    A type is possible as long as every cell that is not missing can be read as it without losing
    anything. Among the possible types the first of boolean, integer, number, number with a decimal
    comma, timestamp wins; a column for which none is left, that has no values at all, or whose
    integers pass 64 bits is a string. The order of the cells does not matter.

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
        self._possible: list[_Reading] = [
            reading for reading in _READINGS if decimal_comma or not reading[1]
        ]
        self._saw_finite = False
        self._saw_fraction = False
        self.null_count = 0
        self.missing_count = 0
        self.naive_times = False
        self.zoned_times = False

    def update(self, cells: pa.Array) -> None:
        """Take in further cells: an Arrow string array, in which null is the empty cell."""
        self.null_count += cells.null_count
        if not self._possible:
            return
        values = text.trimmed(cells.drop_null())
        missing = text.is_missing(values)
        self.missing_count += pc.sum(missing).as_py() or 0
        values = pc.unique(values.filter(pc.invert(missing)))
        if len(values) == 0:
            return
        infinite = text.is_infinite(values)
        finite = values.filter(pc.invert(infinite))
        has_infinite = len(finite) < len(values)
        self._saw_finite = self._saw_finite or len(finite) > 0
        self._saw_fraction = self._saw_fraction or bool(pc.any(text.is_fraction(values)).as_py())
        still: list[_Reading] = []
        for reading in self._possible:
            if has_infinite and reading[0] is not ColumnType.NUMBER:
                continue
            if pc.all(_READINGS[reading](finite), min_count=0).as_py():
                still.append(reading)
        self._possible = still
        if (ColumnType.TIMESTAMP, False) in still:
            zoned = text.is_zoned(values)
            self.zoned_times = self.zoned_times or bool(pc.any(zoned).as_py())
            self.naive_times = self.naive_times or not pc.all(zoned).as_py()

    @property
    def _reading(self) -> _Reading:
        if not self._saw_finite or not self._possible:
            return (ColumnType.STRING, False)
        first = self._possible[0]
        if first[0] is ColumnType.NUMBER and not self._saw_fraction:
            return (ColumnType.STRING, False)
        return first

    @property
    def type(self) -> ColumnType:
        """The type that all cells seen so far allow."""
        return self._reading[0]

    @property
    def decimal_comma(self) -> bool:
        """Whether the numbers of the column are written with a decimal comma."""
        return self._reading[1]
