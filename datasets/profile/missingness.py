"""Which values are missing together.

A *pattern* is the set of columns that have no value in a row. Few patterns with many rows each mean
that something made the gaps (a form that changed, a join that found nothing); many patterns with few
rows each look like chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MOST_PATTERNS_SHOWN = 20
_MOST_PATTERNS_KEPT = 500_000
_WEIGHT_SEED = 20_260_131


@dataclass(frozen=True, slots=True)
class MissingPattern:
    """The columns that are missing together, and in how many rows exactly these are."""

    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Missingness:
    """What is missing, and together with what.

    Attributes
    ----------
    complete_rows
        Rows in which nothing is missing.
    nulls
        Columns that have gaps, and how many.
    patterns
        The most frequent combinations of missing columns, complete rows left out.
    pattern_count
        How many different combinations there are (complete rows left out).
    is_exact
        False when there were so many combinations that rare ones were forgotten on the way; the
        frequent ones may then be counted too low.
    together
        For columns ``a`` and ``b`` of ``nulls``, by position: how often ``b`` is missing where ``a``
        is, as a share of 0 to 1. Not symmetric.
    """

    rows: int
    complete_rows: int
    nulls: tuple[tuple[str, int], ...]
    patterns: tuple[MissingPattern, ...]
    pattern_count: int
    is_exact: bool
    together: tuple[tuple[float, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "complete_rows": self.complete_rows,
            "columns": [
                {"name": name, "nulls": count, "share": count / self.rows if self.rows else 0.0}
                for name, count in self.nulls
            ],
            "patterns": [
                {
                    "columns": list(pattern.columns),
                    "rows": pattern.rows,
                    "share": pattern.rows / self.rows if self.rows else 0.0,
                }
                for pattern in self.patterns
            ],
            "pattern_count": self.pattern_count,
            "is_exact": self.is_exact,
            "together": [[round(share, 6) for share in line] for line in self.together],
        }


class MissingPatterns:
    """Counts patterns, fed batch by batch.

    A pattern is known by the sum (modulo 2^64) of random 64-bit weights of its columns; two of ``k``
    patterns get the same sum with a probability below k²/2^65.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        generator = np.random.default_rng(_WEIGHT_SEED)
        self._weights = generator.integers(1, 2**64, len(self._names), dtype=np.uint64)
        self._keys = np.zeros(0, np.uint64)
        self._counts = np.zeros(0, np.int64)
        self._masks = np.zeros((0, (len(self._names) + 7) // 8), np.uint8)
        self._nulls = np.zeros(len(self._names), np.int64)
        self._both = np.zeros((len(self._names), len(self._names)), np.float64)
        self._rows = 0
        self._is_exact = True

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in further rows; the batch has the columns in the order of the names."""
        self._rows += batch.num_rows
        gappy = [at for at in range(batch.num_columns) if batch.column(at).null_count]
        keys = np.zeros(batch.num_rows, np.uint64)
        missing = np.zeros((batch.num_rows, len(gappy)), np.float32)
        for place, at in enumerate(gappy):
            null = batch.column(at).is_null().to_numpy(zero_copy_only=False)
            keys += null * self._weights[at]
            missing[:, place] = null
            self._nulls[at] += int(null.sum())
        if gappy:
            self._both[np.ix_(gappy, gappy)] += missing.T @ missing
        found, first, counts = np.unique(keys, return_index=True, return_counts=True)
        bits = np.zeros((len(found), len(self._names)), np.uint8)
        bits[:, gappy] = missing[first].astype(np.uint8)
        self._merge(found, counts, np.packbits(bits, axis=1))

    def _merge(
        self,
        keys: npt.NDArray[np.uint64],
        counts: npt.NDArray[np.int64],
        masks: npt.NDArray[np.uint8],
    ) -> None:
        every = np.concatenate([self._keys, keys])
        self._keys, first, inverse = np.unique(every, return_index=True, return_inverse=True)
        self._counts = np.bincount(inverse, np.concatenate([self._counts, counts])).astype(np.int64)
        self._masks = np.concatenate([self._masks, masks])[first]
        if len(self._keys) > _MOST_PATTERNS_KEPT:
            self._is_exact = False
            kept = np.argsort(-self._counts, kind="stable")[: _MOST_PATTERNS_KEPT // 2]
            self._keys, self._counts = self._keys[kept], self._counts[kept]
            self._masks = self._masks[kept]

    def result(self) -> Missingness:
        """Return what has been counted so far."""
        gappy = np.flatnonzero(self._nulls)
        has_gap = self._keys != 0
        order = np.argsort(-self._counts, kind="stable")
        frequent = [at for at in order if has_gap[at]][:MOST_PATTERNS_SHOWN]
        bits = np.unpackbits(self._masks[frequent], axis=1, count=len(self._names))
        both = self._both[np.ix_(gappy, gappy)]
        return Missingness(
            rows=self._rows,
            complete_rows=int(self._counts[~has_gap].sum()),
            nulls=tuple((self._names[at], int(self._nulls[at])) for at in gappy),
            patterns=tuple(
                MissingPattern(
                    tuple(self._names[at] for at in np.flatnonzero(line)), int(self._counts[which])
                )
                for line, which in zip(bits, frequent, strict=True)
            ),
            pattern_count=int(has_gap.sum()),
            is_exact=self._is_exact,
            together=tuple(tuple(map(float, line)) for line in both / np.diag(both)[:, None])
            if len(gappy)
            else (),
        )
