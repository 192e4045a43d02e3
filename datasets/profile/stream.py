"""The profile of a table that is seen once, batch by batch, in bounded memory."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.exactness import EXACT_COUNTS
from datasets.profile.columns import (
    TOP_VALUES,
    Bin,
    ColumnProfile,
    Outline,
    Quantile,
    ValueCount,
    moment,
    outline_column,
    profile_column,
    shown,
)
from datasets.profile.sketches import DistinctCount, RowSample, value_hashes
from datasets.profile.table import ProfileNote, TableProfile
from datasets.profile.text_length import length_bounds
from datasets.schema import Column, ColumnType, Schema
from datasets.schema.quick import looks_numeric

_FIRST_LOOK = 64
_MOST_COUNTED = EXACT_COUNTS
_MAY_BEGIN_NUMBER = frozenset(
    bytes([byte]) for byte in range(256) if byte <= 0x20 or byte >= 0x80 or byte in b"-.0123456789"
)
"""First bytes of texts that may be numbers, or white space before one."""
_FEW_ROWS = 20_000
_SCALED_FROM = 2.0**400
_MOST_THREADS = 4


class TableStream:
    """Describes the columns of a table from batches of its rows.

    Up to 262,144 rows (or 64 MB) everything is kept, and the profile is exact. Of more rows these stay
    exact: rows, nulls, minimum, maximum, mean, standard deviation, lengths of text, the most frequent
    values of columns with at most 4,096 different ones, and the number of different values up to 65,536.
    Quantiles, histograms and other most frequent values are then those of an even sample of at least
    131,072 rows (unless rows are very wide), scaled to all rows, and larger numbers of different values are
    estimated to about half a percent; such profiles say ``is_estimate``.

    Parameters
    ----------
    schema
        The columns; batches must have its Arrow types.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._sample = RowSample(schema.to_arrow())
        self._columns = [_ColumnStream(column) for column in schema]
        self._counts = False
        self.row_count = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in further rows."""
        if self._sample.would_overflow(batch):
            # From here on the sample alone is not enough: count what it holds, and all that follows.
            self._counts = True
            for earlier in self._sample.table().to_batches():
                self._count(earlier)
        if self._counts:
            self._count(batch)
        self._sample.update(batch)
        self.row_count += batch.num_rows

    def _count(self, batch: pa.RecordBatch) -> None:
        for stream, values in zip(self._columns, batch.columns, strict=True):
            stream.update(values)

    def columns(self) -> list[ColumnProfile]:
        """Return the profile of each column; several are made at once."""
        table = self._sample.table()

        def described(column: Column, stream: _ColumnStream) -> ColumnProfile:
            values = table.column(column.name)
            if self._counts:
                return stream.profile(column.name, values, self.row_count)
            return profile_column(column.name, column.type, values)

        if table.num_rows < _FEW_ROWS:
            return [described(*one) for one in zip(self._schema, self._columns, strict=True)]
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads, thread_name_prefix="profile") as pool:
            return list(pool.map(described, self._schema, self._columns))

    def profile(self, notes: Sequence[ProfileNote] = ()) -> TableProfile:
        """Return the profile of the table."""
        return TableProfile.of(self.row_count, self.columns(), notes)


class _ColumnStream:
    """What is counted exactly of one column, whatever its length."""

    def __init__(self, column: Column) -> None:
        self._type = column.type
        self._nulls = 0
        self._distinct = DistinctCount()
        self._moments = _Moments()
        self._low: Any = None
        self._high: Any = None
        self._counts: Counter[Any] | None = Counter()
        self._shortest: int | None = None
        self._longest: int | None = None
        self._numeric = 0
        self._strange: str | None = None

    def update(self, values: pa.Array) -> None:
        self._nulls += values.null_count
        if len(values) == values.null_count:
            return
        if self._type is ColumnType.STRING and self._counts is not None:
            self._count_texts(values)
            return
        if self._type is ColumnType.BOOLEAN:
            self._take_booleans(values)
            return
        present = values.drop_null() if values.null_count else values
        self._distinct.update(value_hashes(present))
        if self._type is ColumnType.STRING:
            self._look_at_text(present, None)
        else:
            self._measure(present)

    def _take_booleans(self, values: pa.Array) -> None:
        assert self._counts is not None
        for value, count in ((True, values.true_count), (False, values.false_count)):
            if count:
                if value not in self._counts:
                    self._distinct.update(value_hashes(pa.array([value])))
                self._counts[value] += count

    def _count_texts(self, values: pa.Array) -> None:
        assert self._counts is not None
        counted = values.value_counts()
        pairs = zip(
            counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True
        )
        self._counts.update(dict(pairs))
        self._counts.pop(None, None)
        if len(self._counts) > _MOST_COUNTED:
            self._look_at_counted()
            self._counts = None

    def _look_at_counted(self) -> None:
        """Look at the different texts that were counted: each once, however often it occurs."""
        assert self._counts is not None
        self._distinct = DistinctCount()
        self._shortest = self._longest = self._strange = None
        self._numeric = 0
        if self._counts:
            different = pa.array(self._counts.keys(), pa.string())
            self._distinct.update(value_hashes(different))
            self._look_at_text(different, pa.array(self._counts.values(), pa.int64()))

    def _measure(self, present: pa.Array) -> None:
        low, high = self._bounds(present)
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)
        if self._type is not ColumnType.TIMESTAMP:
            self._moments.update(present, largest=max(abs(float(low)), abs(float(high))))

    def _bounds(self, present: pa.Array) -> tuple[Any, Any]:
        if self._type is ColumnType.NUMBER:
            numbers = present.to_numpy()
            low, high = float(numbers.min()), float(numbers.max())
            if not math.isnan(low):
                return low, high  # several times faster than Arrow, which looks past NaN
        bounds = pc.min_max(
            present.view(pa.int64()) if self._type is ColumnType.TIMESTAMP else present
        )
        return bounds["min"].as_py(), bounds["max"].as_py()

    def _look_at_text(self, different: pa.Array, counts: pa.Array | None) -> None:
        """Look at values, in the order in which they first occur, each of which occurs ``counts`` times."""
        low, high = length_bounds(different)
        self._shortest = low if self._shortest is None else min(self._shortest, low)
        self._longest = high if self._longest is None else max(self._longest, high)
        if self._strange is not None and _few_are_numeric(different.slice(0, _FIRST_LOOK)):
            return
        numeric = looks_numeric(different)
        self._numeric += pc.sum(numeric if counts is None else counts.filter(numeric)).as_py() or 0
        if self._strange is None:
            strange = pc.indices_nonzero(pc.invert(numeric))
            self._strange = shown(different[strange[0].as_py()].as_py()) if len(strange) else None

    def profile(self, name: str, sampled: pa.ChunkedArray, rows: int) -> ColumnProfile:
        """Return what is known of all rows, and the rest as the values of the sample have it."""
        present = rows - self._nulls
        if self._type is ColumnType.STRING and self._counts is not None:
            self._look_at_counted()
        common = ColumnProfile(
            name,
            self._type,
            rows,
            self._nulls,
            self._distinct_of(sampled, rows),
            is_estimate=True,
            is_distinct_estimate=not self._distinct.is_exact,
            shortest=self._shortest,
            longest=self._longest,
            numeric_count=self._numeric,
            example_not_numeric=self._strange,
        )
        if present == 0:
            return common
        if self._type in (ColumnType.STRING, ColumnType.BOOLEAN):
            top = self._top(sampled, present)
            return replace(
                common, top=top, other_count=max(0, present - sum(item.count for item in top))
            )
        return self._with_levels(common, outline_column(self._type, sampled), present)

    def _distinct_of(self, sampled: pa.ChunkedArray, rows: int) -> int:
        estimate = self._distinct.estimate
        if self._nulls == 0 and not self._distinct.is_exact and estimate >= 0.98 * rows:
            # A value that is twice in the sample is twice in the table; where none is, all may be different.
            has_repeats = pc.count_distinct(sampled).as_py() < len(sampled)
            estimate = min(estimate, rows - 1) if has_repeats else rows
        return min(rows - self._nulls, estimate)

    def _top(self, sampled: pa.ChunkedArray, present: int) -> tuple[ValueCount, ...]:
        if self._counts is not None:
            ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
            return tuple(ValueCount(shown(value), count) for value, count in ordered[:TOP_VALUES])
        outline = outline_column(self._type, sampled)
        seen = max(1, outline.present)
        return tuple(
            ValueCount(item.value, max(item.count, round(item.count * present / seen)))
            for item in outline.top
        )

    def _with_levels(self, common: ColumnProfile, outline: Outline, present: int) -> ColumnProfile:
        is_time = self._type is ColumnType.TIMESTAMP
        low, high = (moment(self._low), moment(self._high)) if is_time else (self._low, self._high)
        inner = outline.quantiles[1:-1]
        bins = _scaled(outline.histogram, present)
        if bins:
            bins = (replace(bins[0], low=low), *bins[1:])
            bins = (*bins[:-1], replace(bins[-1], high=high))
        return replace(
            common,
            mean=None if is_time else self._moments.mean,
            std=None if is_time else self._moments.std,
            quantiles=(Quantile(0.0, low), *inner, Quantile(1.0, high)),
            histogram=bins,
        )


def _few_are_numeric(values: pa.Array) -> bool:
    """Whether less than half of the values are written as numbers; a look at their first bytes mostly tells."""
    begins = pc.binary_slice(values.cast(pa.binary()), 0, 1).to_pylist()
    if sum(begin in _MAY_BEGIN_NUMBER for begin in begins) < 0.5 * len(values):
        return True
    return bool((pc.sum(looks_numeric(values)).as_py() or 0) < 0.5 * len(values))


def _scaled(bins: Sequence[Bin], total: int) -> tuple[Bin, ...]:
    """Return the bins with counts in the same proportions that add up to ``total``."""
    have = sum(one.count for one in bins)
    if have == 0:
        return ()
    ends = [round(total * part / have) for part in np.cumsum([one.count for one in bins]).tolist()]
    return tuple(
        replace(one, count=end - start)
        for one, start, end in zip(bins, [0, *ends[:-1]], ends, strict=True)
    )


class _Moments:
    """Mean and population standard deviation of numbers that come in pieces.

    Pieces are merged by the formula of Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise
    algorithm for computing sample variances", (2.1a) and (2.1b). From 2^400 on numbers are scaled by the largest
    power of two seen, so that squares near the end of the range of a double stay within it.
    """

    def __init__(self) -> None:
        self._count = 0
        self._scale = 1.0
        self._mean = 0.0
        self._squares = 0.0

    def update(self, values: pa.Array, *, largest: float) -> None:
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        if largest > max(self._scale, _SCALED_FROM):
            scale = 2.0 ** min(1023, math.frexp(largest)[1])
            self._mean *= self._scale / scale
            self._squares *= (self._scale / scale) ** 2
            self._scale = scale
        if self._scale > 1.0:
            numbers = numbers / self._scale
        count, mean = len(numbers), float(numbers.mean())
        apart_from_mean = numbers - mean
        squares = float(np.square(apart_from_mean, out=apart_from_mean).sum())
        total = self._count + count
        apart = mean - self._mean
        self._squares += squares + apart**2 * self._count * count / total
        self._mean += apart * count / total
        self._count = total

    @property
    def mean(self) -> float | None:
        """The arithmetic mean; None when it is beyond a double."""
        return _finite(self._mean * self._scale) if self._count else None

    @property
    def std(self) -> float | None:
        """The population standard deviation; None when it is beyond a double."""
        return (
            _finite(math.sqrt(self._squares / self._count) * self._scale) if self._count else None
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
