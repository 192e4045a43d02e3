"""The profile of one column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datasets.schema import ColumnType
from datasets.schema import text as cell_text

HISTOGRAM_BINS = 20
TOP_VALUES = 20
SHOWN_CHARACTERS = 200
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Scalar = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Quantile:
    """A probability and the value at it (ISO 8601 for timestamps)."""

    p: float
    value: Scalar


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie from ``low`` to below ``high`` (the last bin includes its end)."""

    low: Scalar
    high: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value (text is cut after 200 characters) and how often it occurs."""

    value: Scalar
    count: int


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What is known about one column.

    Parameters
    ----------
    name, type
        The column.
    rows, nulls, distinct
        Number of rows, of nulls, and of different values (nulls not counted).
    mean, std
        Of numbers: arithmetic mean and population standard deviation; None when there is nothing
        to average, or when the result is beyond the range of a double.
    quantiles
        Of numbers and timestamps, linearly interpolated between neighbours; integers at 0 and 1
        are exact.
    histogram
        Of numbers and timestamps: 20 bins of equal width between minimum and maximum.
    top
        Of text and booleans: the 20 most frequent values, then alphabetically.
    other_count
        How many values are none of ``top``.
    shortest, longest
        Of text: length in characters.
    numeric_count
        Of text: how many values could be read as numbers.
    example_not_numeric
        Of text: a value that could not.
    is_estimate
        Whether quantiles, histogram, most frequent values and the number of different values may be
        estimates from a sample (:mod:`datasets.profile.stream` says which).
    is_distinct_estimate
        Whether ``distinct`` is one; it is then ``rows`` where nothing speaks against a value of its own a row.
    """

    name: str
    type: ColumnType
    rows: int
    nulls: int
    distinct: int
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[Quantile, ...] = ()
    histogram: tuple[Bin, ...] = ()
    top: tuple[ValueCount, ...] = ()
    other_count: int = 0
    shortest: int | None = None
    longest: int | None = None
    numeric_count: int = 0
    example_not_numeric: str | None = None
    is_estimate: bool = False
    is_distinct_estimate: bool = False

    @property
    def seems_unique(self) -> bool:
        """Whether every row has a value, and no value is known to occur twice."""
        return self.nulls == 0 and self.distinct == self.rows

    @property
    def is_unique(self) -> bool | None:
        """Whether every row has a value, and no value occurs twice; None when it only seems so."""
        return None if self.seems_unique and self.is_distinct_estimate else self.seems_unique

    @property
    def is_constant(self) -> bool:
        """Whether there is at most one value."""
        return self.distinct <= 1

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-compatible, finite values."""
        data: dict[str, Any] = {
            "name": self.name,
            "type": self.type.value,
            "rows": self.rows,
            "nulls": self.nulls,
            "null_fraction": self.nulls / self.rows if self.rows else 0.0,
            "distinct": self.distinct,
            "is_unique": self.is_unique,
            "is_constant": self.is_constant,
        }
        if self.is_estimate:
            data["is_estimate"] = True
        if self.type in (ColumnType.INTEGER, ColumnType.NUMBER):
            data |= {"mean": self.mean, "std": self.std}
        if self.quantiles:
            data["quantiles"] = [{"p": q.p, "value": q.value} for q in self.quantiles]
        if self.histogram:
            data["histogram"] = [
                {"low": b.low, "high": b.high, "count": b.count} for b in self.histogram
            ]
        if self.type in (ColumnType.STRING, ColumnType.BOOLEAN):
            data["top"] = [{"value": v.value, "count": v.count} for v in self.top]
            data["other_count"] = self.other_count
        if self.type is ColumnType.STRING:
            data |= {"shortest": self.shortest, "longest": self.longest}
        return data


def profile_column(
    name: str, type_: ColumnType, values: pa.ChunkedArray | pa.Array
) -> ColumnProfile:
    """Describe one column from all of its values.

    Parameters
    ----------
    name, type_
        The column.
    values
        Its values, with the Arrow type of ``type_``.
    """
    rows = len(values)
    present = values.drop_null()
    nulls = rows - len(present)
    if len(present) == 0:
        return ColumnProfile(name, type_, rows, nulls, 0)
    match type_:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            return _numeric(name, type_, rows, present)
        case ColumnType.TIMESTAMP:
            return _moments(name, rows, present)
        case _:
            return _discrete(name, type_, rows, present)


@dataclass(frozen=True, slots=True)
class Outline:
    """How the values of a sample are spread: what cannot be counted in passing.

    Parameters
    ----------
    present
        How many values there are.
    quantiles, histogram, top
        As in a :class:`ColumnProfile`.
    """

    present: int
    quantiles: tuple[Quantile, ...] = ()
    histogram: tuple[Bin, ...] = ()
    top: tuple[ValueCount, ...] = ()


def outline_column(type_: ColumnType, values: pa.ChunkedArray | pa.Array) -> Outline:
    """Describe how values are spread, and nothing else of them."""
    present = values.drop_null()
    if len(present) == 0:
        return Outline(0)
    match type_:
        case ColumnType.INTEGER | ColumnType.NUMBER:
            quantiles, histogram = _spread_numbers(present.to_numpy(), type_)
        case ColumnType.TIMESTAMP:
            quantiles, histogram = _spread_moments(present.cast(pa.int64()).to_numpy())
        case _:
            return Outline(len(present), top=_most_frequent(_value_counts(present)))
    return Outline(len(present), quantiles, histogram)


def _numeric(name: str, type_: ColumnType, rows: int, present: pa.ChunkedArray) -> ColumnProfile:
    exact = present.to_numpy()
    numbers = exact.astype(np.float64)
    quantiles, histogram = _spread_numbers(exact, type_)
    # Scaled before summing, so that sums of values near the end of the range stay within it.
    scale = max(1.0, float(np.abs(numbers).max()))
    mean = _finite(float(np.mean(numbers / scale)) * scale)
    std = _finite(float(np.std(numbers / scale)) * scale)
    return ColumnProfile(
        name,
        type_,
        rows,
        rows - len(present),
        int(pc.count_distinct(present).as_py()),
        mean=mean,
        std=std,
        quantiles=quantiles,
        histogram=histogram,
    )


def _spread_numbers(
    exact: npt.NDArray[Any], type_: ColumnType
) -> tuple[tuple[Quantile, ...], tuple[Bin, ...]]:
    numbers = exact.astype(np.float64)
    is_integer = type_ is ColumnType.INTEGER
    levels: list[Scalar] = [_finite(q) for q in _quantiles(numbers)]
    levels[0] = int(exact.min()) if is_integer else float(numbers.min())
    levels[-1] = int(exact.max()) if is_integer else float(numbers.max())
    bins = tuple(Bin(_finite(a), _finite(b), count) for a, b, count in _histogram(numbers))
    return _named(levels), bins


def _moments(name: str, rows: int, present: pa.ChunkedArray) -> ColumnProfile:
    quantiles, histogram = _spread_moments(present.cast(pa.int64()).to_numpy())
    return ColumnProfile(
        name,
        ColumnType.TIMESTAMP,
        rows,
        rows - len(present),
        int(pc.count_distinct(present).as_py()),
        quantiles=quantiles,
        histogram=histogram,
    )


def _spread_moments(
    micros: npt.NDArray[np.int64],
) -> tuple[tuple[Quantile, ...], tuple[Bin, ...]]:
    numbers = micros.astype(np.float64)
    levels: list[Scalar] = [moment(q) for q in _quantiles(numbers)]
    levels[0], levels[-1] = moment(int(micros.min())), moment(int(micros.max()))
    bins = tuple(Bin(moment(a), moment(b), count) for a, b, count in _histogram(numbers))
    return _named(levels), bins


def _discrete(name: str, type_: ColumnType, rows: int, present: pa.ChunkedArray) -> ColumnProfile:
    counts = _value_counts(present)
    top = _most_frequent(counts)
    common = ColumnProfile(
        name,
        type_,
        rows,
        rows - len(present),
        counts.num_rows,
        top=top,
        other_count=len(present) - sum(item.count for item in top),
    )
    if type_ is ColumnType.BOOLEAN:
        return common
    distinct = counts.column("values")
    lengths = pc.min_max(pc.utf8_length(distinct))
    misfits = pc.invert(cell_text.is_number(cell_text.trimmed(distinct)))
    numeric = pc.sum(counts.column("counts").filter(pc.invert(misfits))).as_py()
    strange = distinct.filter(misfits)
    return replace(
        common,
        shortest=int(lengths["min"].as_py()),
        longest=int(lengths["max"].as_py()),
        numeric_count=int(numeric or 0),
        example_not_numeric=shown(strange[0].as_py()) if len(strange) else None,
    )


def _value_counts(present: pa.ChunkedArray | pa.Array) -> pa.RecordBatch:
    """Return the different values, in the order in which they first occur, and how often each does."""
    return pa.RecordBatch.from_struct_array(present.value_counts())


def _most_frequent(counts: pa.RecordBatch) -> tuple[ValueCount, ...]:
    order = [("counts", "descending"), ("values", "ascending")]
    if counts.num_rows > TOP_VALUES:
        # Not in order, but far quicker than to sort them all.
        counts = counts.take(pc.select_k_unstable(counts, TOP_VALUES, order))
    counts = counts.sort_by(order)
    pairs = zip(
        counts.column("values").to_pylist(), counts.column("counts").to_pylist(), strict=True
    )
    return tuple(ValueCount(shown(value), count) for value, count in pairs)


def _quantiles(numbers: npt.NDArray[np.float64]) -> list[float]:
    # Scaled, because interpolation takes differences, and those may pass the range of a double.
    scale = 4.0
    return [float(q) * scale for q in np.quantile(numbers / scale, QUANTILES)]


def _histogram(numbers: npt.NDArray[np.float64]) -> list[tuple[float, float, int]]:
    low, high = float(numbers.min()) / 4.0, float(numbers.max()) / 4.0
    if low == high:
        return [(low * 4.0, high * 4.0, len(numbers))]
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    if np.any(np.diff(edges) <= 0):
        # The values are neighbours among the doubles; there is no room for bins between them.
        return [(low * 4.0, high * 4.0, len(numbers))]
    # The same edges; told that they are even, NumPy need not look for the bin of each number.
    counts, _ = np.histogram(numbers / 4.0, bins=HISTOGRAM_BINS, range=(low, high))
    return [
        (float(a) * 4.0, float(b) * 4.0, int(count))
        for a, b, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _named(levels: Sequence[Scalar]) -> tuple[Quantile, ...]:
    return tuple(Quantile(p, value) for p, value in zip(QUANTILES, levels, strict=True))


def moment(micros: float) -> str | None:
    """Return microseconds since 1970 as ISO 8601; None when Python cannot name that moment."""
    try:
        return (_EPOCH + timedelta(microseconds=round(micros))).isoformat()
    except OverflowError:
        return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def shown(value: Any) -> Any:
    """Return a value as a profile shows it: text is cut after 200 characters."""
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return value[: SHOWN_CHARACTERS - 1] + "…"
    return value
