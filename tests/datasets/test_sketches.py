"""Counting different values in bounded memory: the hashes of values, and how many of them there are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.profile import TableStream
from datasets.profile import sketches as sketch_sizes
from datasets.profile.sketches import DISTINCT_KEPT, DistinctCount, value_hashes
from datasets.schema import Column, ColumnType, Schema

_TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=140), min_size=1, unique=True
)


@given(_TEXTS)
def test_texts_that_differ_have_hashes_that_differ(texts: list[str]) -> None:
    short = [one for one in texts if len(one.encode()) <= 128]
    if short:
        hashes = value_hashes(pa.array(["pad", *short, *short])[1:])
        assert len(set(hashes.tolist())) == len(short)


@given(_TEXTS)
def test_the_hash_of_a_text_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    long = "a long neighbour " * 9
    together = value_hashes(pa.array([*texts, long, *texts]))
    alone = [value_hashes(pa.array([text])).item() for text in [*texts, long, *texts]]
    assert together.tolist() == alone


@given(st.integers(1, 20).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size))))
def test_texts_of_one_length_have_the_hashes_that_they_have_alone(given_bytes: list[bytes]) -> None:
    texts = [bytes(byte & 0x7F for byte in one).decode() for one in given_bytes]
    together = value_hashes(pa.array(["before it", *texts], pa.string())[1:])
    among_others = value_hashes(pa.array(["", *texts, "a neighbour that is longer"], pa.string()))
    assert together.tolist() == among_others[1:-1].tolist()


def test_long_texts_are_told_apart_by_their_ends() -> None:
    middle = "x" * 200
    texts = [middle, "y" + middle, middle + "y", middle + "z", "z" + middle, middle + "xx"]
    assert len(set(value_hashes(pa.array(texts)).tolist())) == len(texts)


def test_many_texts_have_the_hashes_of_few() -> None:
    texts = [f"{number:x}" * (number % 30) for number in range(5_000)]
    whole = value_hashes(pa.array(texts))
    parts = [value_hashes(pa.array(texts[at : at + 7])) for at in range(0, len(texts), 7)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_different_values_are_counted_exactly_up_to_a_bound_and_well_beyond() -> None:
    exact, many = DistinctCount(), DistinctCount()
    exact.update(value_hashes(pa.array([f"value {i % 500}" for i in range(5_000)])))
    assert (exact.is_exact, exact.estimate) == (True, 500)
    for start in range(0, 400_000, 50_000):
        many.update(value_hashes(pa.array(range(start, start + 50_000))))
    assert not many.is_exact
    assert many.estimate == pytest.approx(400_000, rel=0.02)


@pytest.mark.parametrize("different", [1, 300, 20_000, 60_000, DISTINCT_KEPT, 150_000])
def test_repetitions_do_not_matter(different: int) -> None:
    once, often = DistinctCount(), DistinctCount()
    values = value_hashes(pa.array(range(different)))
    values[0] = 0
    once.update(values)
    rng = np.random.default_rng(1)
    for _ in range(12):
        often.update(rng.permutation(values))
        often.update(rng.choice(values, 30_000))
    assert (often.is_exact, often.estimate) == (once.is_exact, once.estimate)
    assert often.is_exact == (different <= DISTINCT_KEPT)
    if often.is_exact:
        assert often.estimate == different


def test_texts_of_few_values_are_described_exactly_in_a_long_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sketch_sizes, "SAMPLE_ROWS", 1_000)
    schema = Schema((Column("t", ColumnType.STRING), Column("u", ColumnType.STRING)))
    stream = TableStream(schema)
    for start in range(0, 30_000, 1_500):
        rows = range(start, start + 1_500)
        few = [None if i % 10 == 0 else "Köln" if i % 10 == 1 else str(i % 9) for i in rows]
        many = [f"x{i}" if i < 6_000 else str(i) for i in rows]
        stream.update(pa.record_batch([pa.array(few), pa.array(many)], schema=schema.to_arrow()))
    few_found, many_found = stream.columns()
    assert (few_found.nulls, few_found.distinct) == (3_000, 10)
    assert (few_found.shortest, few_found.longest) == (1, 4)
    assert (few_found.numeric_count, few_found.example_not_numeric) == (24_000, "Köln")
    assert sum(item.count for item in few_found.top) == 27_000
    assert (many_found.nulls, many_found.distinct) == (0, 30_000)
    assert (many_found.shortest, many_found.longest) == (2, 5)
    assert (many_found.numeric_count, many_found.example_not_numeric) == (24_000, "x0")
    assert [column.to_dict() for column in stream.columns()] == [
        few_found.to_dict(),
        many_found.to_dict(),
    ]
