"""Which values of a request are outside of the limits of their column.

It is what :meth:`datasets.schema.ValueLimits.misfits` says of Arrow arrays, said of the arrays of a request, and
prepared once for a signature: a request of one row is looked at in microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.schema.limits import Limit, ValueLimits


@dataclass(frozen=True, slots=True, eq=False)
class Limited:
    """One input that has limits.

    Attributes
    ----------
    place
        Its place among the numeric or among the text inputs.
    low, high
        The range of a number; infinite where it has no end. Text has none.
    numbers, words
        The closed set of a numeric or of a text input; None when there is none.
    """

    name: str
    place: int
    is_numeric: bool
    is_enforced: bool
    low: float = -math.inf
    high: float = math.inf
    numbers: npt.NDArray[np.float64] | None = None
    words: frozenset[str] | None = None

    @classmethod
    def of(cls, name: str, limits: ValueLimits, *, place: int, is_numeric: bool) -> Limited:
        """Return the input of that name with what its limits say."""
        closed = limits.categories
        if not is_numeric:
            words = None if closed is None else frozenset(map(_as_text, closed))
            return cls(name, place, False, limits.enforce, words=words)
        return cls(
            name,
            place,
            True,
            limits.enforce,
            low=-math.inf if limits.minimum is None else float(limits.minimum),
            high=math.inf if limits.maximum is None else float(limits.maximum),
            numbers=None if closed is None else np.array(closed, dtype=np.float64),
        )

    def misfits(
        self, numeric: npt.NDArray[np.float64], texts: Sequence[Sequence[str | None]]
    ) -> list[int]:
        """Return the rows whose value is outside, in order; what is missing (NaN, None) is nowhere.

        Parameters
        ----------
        numeric
            Shape (n, number of numeric inputs).
        texts
            n values of each text input.
        """
        if not self.is_numeric:
            if self.words is None:
                return []
            values = texts[self.place]
            return [
                row
                for row, value in enumerate(values)
                if value is not None and value not in self.words
            ]
        column = numeric[:, self.place]
        wrong = (column < self.low) | (column > self.high)
        if self.numbers is not None:
            wrong |= ~(np.isin(column, self.numbers) | np.isnan(column))
        return [int(row) for row in np.flatnonzero(wrong)]


def _as_text(value: Limit) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
