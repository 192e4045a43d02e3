"""How long texts are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BINS = 20
_LONGEST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class TextLengths:
    """Lengths of a text column in characters; those beyond 10,000 count as 10,000.

    Attributes
    ----------
    histogram
        Shortest and longest length of each bin (both included), and how many texts it holds.
    """

    column: str
    texts: int
    empty: int
    mean: float
    median: int
    p95: int
    longest: int
    histogram: tuple[tuple[int, int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "column": self.column,
            "texts": self.texts,
            "empty": self.empty,
            "mean": round(self.mean, 3),
            "median": self.median,
            "p95": self.p95,
            "longest": self.longest,
            "histogram": [
                {"low": low, "high": high, "count": count} for low, high, count in self.histogram
            ],
        }


def length_bounds(texts: pa.Array) -> tuple[int, int]:
    """Return the length in characters of the shortest and of the longest text; there is one, and no null."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, "<i4", count=texts.offset + len(texts) + 1)[texts.offset :]
    content = np.frombuffer(b"" if data is None else data, np.int8)[ends[0] : ends[-1]]
    if content.min(initial=0) >= 0:
        # Nothing but ASCII: a character is a byte.
        lengths = np.diff(ends)
        return int(lengths.min()), int(lengths.max())
    bounds = pc.min_max(pc.utf8_length(texts))
    return int(bounds["min"].as_py()), int(bounds["max"].as_py())


class LengthCounts:
    """Counts the lengths of one text column, fed batch by batch."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts = np.zeros(1, np.int64)

    def update(self, values: pa.Array) -> None:
        """Take in further values."""
        lengths = pc.utf8_length(values.drop_null()).to_numpy(zero_copy_only=False)
        found = np.bincount(np.minimum(lengths, _LONGEST_COUNTED), minlength=1)
        if len(found) > len(self._counts):
            self._counts = np.pad(self._counts, (0, len(found) - len(self._counts)))
        self._counts[: len(found)] += found

    def result(self) -> TextLengths | None:
        """Return the distribution; None when there was no text."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        lengths = np.flatnonzero(self._counts)
        shortest, longest = int(lengths[0]), int(lengths[-1])
        running = np.cumsum(self._counts)
        width = max(1, -(-(longest - shortest + 1) // BINS))
        bins = [(low, min(low + width - 1, longest)) for low in range(shortest, longest + 1, width)]
        return TextLengths(
            self._column,
            total,
            int(self._counts[0]),
            float((np.arange(len(self._counts)) * self._counts).sum() / total),
            int(np.searchsorted(running, 0.5 * total)),
            int(np.searchsorted(running, 0.95 * total)),
            longest,
            tuple((low, high, int(self._counts[low : high + 1].sum())) for low, high in bins),
        )
