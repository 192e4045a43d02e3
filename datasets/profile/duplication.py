"""Rows that occur more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datasets.schema import ColumnType, Schema

GROUPS_SHOWN = 10
ROWS_SHOWN = 8
_SEED = 77_003_141

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Duplication:
    """Groups of equal rows.

    Attributes
    ----------
    columns_ignored
        Columns that were not compared (identifiers, where the same thing may have got two numbers).
    groups
        How many different rows occur more than once.
    surplus_rows
        How many rows would go if of each group one were kept.
    examples
        Of the largest groups: how many rows, and the first few of their numbers, from 1.
    """

    rows: int
    columns_ignored: tuple[str, ...]
    groups: int
    surplus_rows: int
    examples: tuple[tuple[int, tuple[int, ...]], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measurement as JSON-compatible, finite values."""
        return {
            "columns_ignored": list(self.columns_ignored),
            "groups": self.groups,
            "surplus_rows": self.surplus_rows,
            "share": self.surplus_rows / self.rows if self.rows else 0.0,
            "examples": [
                {"count": count, "row_numbers": list(numbers)} for count, numbers in self.examples
            ],
        }


class RowHashes:
    """A 64-bit hash of each row, fed batch by batch: eight bytes of memory a row.

    Each value is hashed with a key of its column (numbers and moments: the finaliser of SplitMix64
    over their bits; text: pandas' ``hash_array``, SipHash), and the hashes of a row are added modulo
    2^64. Equal rows have equal hashes; among ``n`` different rows any two agree by chance with a
    probability below n²/2^65 (3·10⁻⁸ for a million rows). Zero equals minus zero, null equals null.

    References
    ----------
    Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """

    def __init__(self, schema: Schema, *, ignored: Sequence[str] = ()) -> None:
        self._compared = [c for c in schema if c.name not in set(ignored)]
        self._ignored = tuple(ignored)
        generator = np.random.default_rng(_SEED)
        self._keys = generator.integers(1, 2**64, len(self._compared), dtype=np.uint64)
        self._parts: list[Hashes] = []

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in further rows, in their order."""
        total = np.zeros(batch.num_rows, np.uint64)
        for column, key in zip(self._compared, self._keys, strict=True):
            total += _mixed(_bits(batch.column(column.name), column.type) ^ key)
        self._parts.append(total)

    def result(self) -> Duplication:
        """Return the groups of equal rows among those taken in so far."""
        hashes = np.concatenate(self._parts) if self._parts else np.zeros(0, np.uint64)
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        starts = starts[: len(ordered)]
        sizes = np.diff(np.append(starts, len(ordered)))
        repeated = np.flatnonzero(sizes > 1)
        firsts = order[starts[repeated]]
        # The largest groups first; among equals the one that begins first.
        shown = repeated[np.lexsort((firsts, -sizes[repeated]))][:GROUPS_SHOWN]
        return Duplication(
            rows=len(hashes),
            columns_ignored=self._ignored,
            groups=len(repeated),
            surplus_rows=int((sizes[repeated] - 1).sum()),
            examples=tuple(
                (
                    int(sizes[at]),
                    tuple(
                        int(row) + 1
                        for row in order[starts[at] : starts[at] + min(sizes[at], ROWS_SHOWN)]
                    ),
                )
                for at in shown
            ),
        )


def _bits(values: pa.Array, type_: ColumnType) -> Hashes:
    missing = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    if type_ is ColumnType.STRING:
        encoded = values.dictionary_encode()
        words = _text_hashes(encoded.dictionary)
        if not len(words):
            words = np.zeros(1, np.uint64)
        bits = words[encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    elif type_ is ColumnType.NUMBER:
        numbers = values.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0
        bits = numbers.view(np.uint64)
    elif type_ is ColumnType.BOOLEAN:
        bits = values.fill_null(False).to_numpy(zero_copy_only=False).astype(np.uint64)
    else:
        plain = values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        bits = plain.view(np.uint64)
    if missing is not None:
        return np.where(missing, np.uint64(0x9E3779B97F4A7C15), _mixed(bits))
    return _mixed(bits)


def _text_hashes(words: pa.Array) -> Hashes:
    from pandas.util import hash_array

    texts = words.to_numpy(zero_copy_only=False)
    return np.asarray(hash_array(texts, categorize=False), dtype=np.uint64)


def _mixed(bits: Hashes) -> Hashes:
    mixed = bits + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
