"""Bounded summaries of unbounded columns: a sample of rows, and the number of different values.

Both keep everything as long as it fits, so that small tables are described exactly; both depend on
values and row numbers alone, never on a clock or a random state, so that the same rows are always
described in the same way.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datasets.exactness import EXACT_DISTINCT

SAMPLE_ROWS = 262_144
SAMPLE_BYTES = 64 << 20
DISTINCT_KEPT = EXACT_DISTINCT
_MOST_LOOSE = 16
_JOINED_ROWS = 32_768
_WORD = 8
_MOST_WORDS = 16
_MOST_BYTES = _WORD * _MOST_WORDS
_STRETCHES = 8
_PIECE_BYTES = 1 << 18
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Hashes = npt.NDArray[np.uint64]
_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int32]


def mixed(keys: Hashes) -> Hashes:
    """Return keys whose bits look random: the finaliser of SplitMix64.

    References
    ----------
    Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", figure 17.
    """
    keys = keys ^ (keys >> np.uint64(30))
    keys *= np.uint64(0xBF58476D1CE4E5B9)
    keys ^= keys >> np.uint64(27)
    keys *= np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)
    return keys


class RowSample:
    """An even sample of rows: all of them, until there are too many or they take too much memory.

    A row belongs to the sample of level k when the k lowest bits of its mixed number are zero; each
    time the sample grows too large, k grows by one, which halves it.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._level = 0
        self._next_row = 0
        self._batches: list[pa.RecordBatch] = []
        self._keys: list[Hashes] = []
        self._rows = 0
        self._bytes = 0
        self._loose = 0

    @property
    def is_complete(self) -> bool:
        """Whether every row is in it."""
        return self._level == 0

    def would_overflow(self, batch: pa.RecordBatch) -> bool:
        """Whether the sample is complete and cannot stay so with these rows."""
        return self.is_complete and self._is_too_large(batch.num_rows, batch.nbytes)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take in the rows that follow."""
        numbers = np.arange(self._next_row, self._next_row + batch.num_rows, dtype=np.uint64)
        self._next_row += batch.num_rows
        keys = mixed(numbers * _GOLDEN)
        self._keep(batch, keys)
        while self._is_too_large(0, 0):
            self._level += 1
            batches, all_keys = self._batches, self._keys
            self._batches, self._keys, self._rows, self._bytes = [], [], 0, 0
            self._loose = 0
            for one, its_keys in zip(batches, all_keys, strict=True):
                self._keep(one, its_keys)

    def table(self) -> pa.Table:
        """Return the rows of the sample, in their order."""
        return pa.Table.from_batches(self._batches, schema=self._schema)

    def _is_too_large(self, rows: int, size: int) -> bool:
        return self._rows + rows > SAMPLE_ROWS or self._bytes + size > SAMPLE_BYTES

    def _keep(self, batch: pa.RecordBatch, keys: Hashes) -> None:
        if self._level:
            chosen = np.flatnonzero(keys & np.uint64((1 << self._level) - 1) == 0)
            batch, keys = batch.take(pa.array(chosen)), keys[chosen]
        if batch.num_rows == 0:
            return
        self._batches.append(batch)
        self._keys.append(keys)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        self._loose += 1
        if self._loose >= _MOST_LOOSE:
            self._join_loose()

    def _join_loose(self) -> None:
        """Make one batch of the last ones if they are small: halving many of them takes longer than few."""
        loose, keys = self._batches[-self._loose :], self._keys[-self._loose :]
        if sum(one.num_rows for one in loose) <= _JOINED_ROWS:
            self._batches[-self._loose :] = [pa.concat_batches(loose)]
            self._keys[-self._loose :] = [np.concatenate(keys)]
        self._loose = 0


class DistinctCount:
    """How many different values there are: exact up to 65,536, estimated beyond.

    Kept are the hashes below a threshold, which is halved whenever there are too many. With m hashes
    below a threshold of 2^64 / f, about m·f values are different; the relative standard error is about
    1/√m, so half a percent.

    References
    ----------
    Bar-Yossef et al. (2002), "Counting distinct elements in a data stream", algorithm 2.
    """

    def __init__(self) -> None:
        self._halvings = 0
        self._seen: Hashes = np.empty(0, np.uint64)
        self._waiting: list[Hashes] = []
        self._waiting_count = 0
        self._table: Hashes | None = None

    @property
    def is_exact(self) -> bool:
        """Whether nothing had to be left out."""
        self._settle()
        return self._halvings == 0

    @property
    def estimate(self) -> int:
        """The number of different values."""
        self._settle()
        return len(self._seen) << self._halvings

    def update(self, hashes: Hashes) -> None:
        """Take in the hashes of further values; repetitions do not matter."""
        below = self._below(hashes)
        if self._table is not None:
            below = below[self._table.take(self._places(below), mode="clip") != below]
        self._waiting.append(below)
        self._waiting_count += len(below)
        if self._waiting_count > DISTINCT_KEPT:
            self._settle()

    def _settle(self) -> None:
        """Put what waits to what has been seen: not for each batch, because that costs as much as all of it."""
        if self._waiting_count == 0:
            return
        waited, before = self._waiting_count, len(self._seen)
        found = np.concatenate([self._seen, *self._waiting])
        self._waiting, self._waiting_count = [], 0
        # Arrow's hash table is several times faster here than sorting.
        self._seen = pc.unique(pa.array(found)).to_numpy()
        are_mostly_known = len(self._seen) - before < 0.5 * waited
        while len(self._seen) > DISTINCT_KEPT:
            self._halvings += 1
            self._seen = self._below(self._seen)
        if are_mostly_known or self._table is not None:
            self._remember()

    def _remember(self) -> None:
        """Make a table of hashes that have been seen, each in the place that its lowest bits name, if it is free."""
        size = 1 << max(8, (2 * len(self._seen)).bit_length())
        self._table = np.zeros(size, np.uint64)
        self._table[0] = 1  # zero has its place there: it must not seem to have been seen
        self._table[self._places(self._seen)] = self._seen

    def _places(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        assert self._table is not None
        return (hashes & np.uint64(len(self._table) - 1)).view(np.int64)

    def _below(self, hashes: Hashes) -> Hashes:
        if self._halvings == 0:
            return hashes
        return hashes[hashes < np.uint64(1 << (64 - self._halvings))]


def value_hashes(values: pa.Array) -> Hashes:
    """Return a hash of 64 bits of each value of an array without nulls.

    Text is hashed by its length and its bytes in words of eight (their sum modulo 2^64, each times an odd factor
    of its own, then mixed): up to 128 bytes that is all of it. Of longer text it is eight stretches of sixteen
    bytes spread over it, and what differs only between them counts as the same.
    """
    if pa.types.is_string(values.type):
        return _text_hashes(values)
    if pa.types.is_boolean(values.type):
        keys = values.to_numpy(zero_copy_only=False).astype(np.uint64)
    elif pa.types.is_floating(values.type):
        # Adding zero makes the two zeros one.
        keys = (values.to_numpy() + 0.0).view(np.uint64)
    else:
        keys = values.view(pa.int64()).to_numpy().view(np.uint64)
    return mixed(keys + _GOLDEN)


#: An odd factor for each word, and one for the length.
_KEYS = mixed(np.arange(1, _MOST_WORDS + 2, dtype=np.uint64) * _GOLDEN) | np.uint64(1)


def _text_hashes(values: pa.Array) -> Hashes:
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, "<i4", count=values.offset + len(values) + 1)[values.offset :]
    lengths = np.diff(ends)
    total = lengths.astype(np.uint64) * _KEYS[-1]
    longest = int(lengths.max(initial=0))
    if data is None or longest == 0:
        return mixed(total)
    content = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    starts = ends[:-1] - ends[0]
    if longest <= _MOST_BYTES:
        if longest == int(lengths.min()):
            total += _sums_of_even(content, longest)
        else:
            total += _sums_of_all(content, starts, lengths)
        return mixed(total)
    long = np.flatnonzero(lengths > _MOST_BYTES)
    short = np.flatnonzero(lengths <= _MOST_BYTES)
    total[long] += _sums_of_stretches(content, starts[long], lengths[long])
    total[short] += _sums_of_all(content, starts[short], lengths[short])
    return mixed(total)


def _sums_of_even(content: _Bytes, length: int) -> Hashes:
    """Return the sums over whole texts that follow one another and are all of one length (codes, keys, digits)."""
    count = len(content) // length
    # Words of the last texts may reach behind the content: those are copied.
    inside = max(0, count - _WORD)
    rest = np.concatenate([content[inside * length :], np.zeros(_WORD, np.uint8)])
    sums = np.zeros(count, np.uint64)
    for at in range(0, length, _WORD):
        # What is behind the end of a text belongs to its neighbour.
        keeps = np.uint64((1 << 8 * min(_WORD, length - at)) - 1)
        for texts, part in ((content, slice(inside)), (rest, slice(inside, count))):
            size = len(sums[part])
            words = np.ndarray((size,), np.uint64, texts, offset=at, strides=(length,))
            sums[part] += (words & keeps) * _KEYS[at // _WORD]
    return sums


def _sums_of_all(content: _Bytes, starts: _Places, lengths: _Places) -> Hashes:
    """Return the sums over whole texts, none of which is longer than 128 bytes."""
    words = -(-int(lengths.max(initial=0)) // _WORD)
    sums = np.zeros(len(starts), np.uint64)
    if words == 0:
        return sums
    padded = np.concatenate([content, np.zeros(words * _WORD, np.uint8)])
    records, masks, keys = _records(padded, words), _masks(words), _KEYS[:words]
    rows = _PIECE_BYTES // (words * _WORD)  # small enough to stay at hand from step to step
    for at in range(0, len(starts), rows):
        piece = slice(at, at + rows)
        found = records[starts[piece]].view(np.uint64)
        # Bytes behind the end of a text belong to its neighbour.
        found &= masks.take(lengths[piece]).view(np.uint64)
        np.matmul(found.reshape(-1, words), keys, out=sums[piece])
    return sums


def _sums_of_stretches(content: _Bytes, starts: _Places, lengths: _Places) -> Hashes:
    """Return the sums over stretches of texts that are longer than 128 bytes."""
    words = _MOST_WORDS // _STRETCHES
    records = _records(content, words)
    sums = np.zeros(len(starts), np.uint64)
    room = lengths.astype(np.int64) - words * _WORD
    for number in range(_STRETCHES):
        found = records[starts + room * number // (_STRETCHES - 1)].view(np.uint64)
        sums += found.reshape(-1, words) @ _KEYS[number * words : (number + 1) * words]
    return sums


def _records(content: _Bytes, words: int) -> npt.NDArray[np.void]:
    """Return what begins at each byte, so many words long."""
    record = np.dtype((np.void, words * _WORD))
    return np.ndarray((len(content) - record.itemsize + 1,), record, content, strides=(1,))


@cache
def _masks(words: int) -> npt.NDArray[np.void]:
    """Return records that keep the first 0, 1, 2, … bytes of another one of so many words."""
    size = words * _WORD
    keeps = np.arange(size)[np.newaxis] < np.arange(size + 1)[:, np.newaxis]
    return np.where(keeps, np.uint8(255), np.uint8(0)).view(np.dtype((np.void, size))).ravel()
