"""The columns of a sample of rows, as arrays that measurements share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datasets.schema import Column, ColumnType

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """One column of the sample: numbers, or codes of categories.

    Attributes
    ----------
    numbers
        Of integers, numbers and timestamps (microseconds): the values, NaN for null.
    codes
        Of text and booleans: the position of each value in ``labels``, -1 for null.
    labels
        The categories, in the order in which they first occur.
    """

    column: Column
    numbers: Floats | None = None
    codes: Codes | None = None
    labels: tuple[str | bool, ...] = ()

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.column.name

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """True where the row has no value."""
        if self.numbers is not None:
            return np.isnan(self.numbers)
        assert self.codes is not None
        return self.codes < 0

    @property
    def distinct(self) -> int:
        """How many different values there are; null is none of them."""
        if self.numbers is None:
            return len(self.labels)
        return len(np.unique(self.numbers[~np.isnan(self.numbers)]))


def sampled_column(column: Column, values: pa.ChunkedArray | pa.Array) -> SampledColumn:
    """Return the values of a column, which have its logical Arrow type, as arrays."""
    if column.type in _NUMERIC:
        plain = values.cast(pa.int64()) if column.type is ColumnType.TIMESTAMP else values
        # safe=False: an integer beyond 2^53 may lose its last digits in a correlation.
        numbers = plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return SampledColumn(column, numbers=np.asarray(numbers, dtype=np.float64))
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    encoded = whole.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return SampledColumn(column, codes=codes, labels=tuple(encoded.dictionary.to_pylist()))
