"""Cells of text become typed values without losing anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.errors import NotFinite, SchemaMismatch
from datasets.schema import ColumnType
from datasets.schema.conversion import typed_array
from datasets.schema.inference import ColumnGuess


def guessed(*cells: str | None, decimal_comma: bool = False) -> str:
    guess = ColumnGuess(decimal_comma=decimal_comma)
    guess.update(pa.array(cells, pa.string()))
    return guess.type.value


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("1", "-2", None), "integer"),
        (("9223372036854775807", "-9223372036854775808"), "integer"),
        (("1", "2.5"), "number"),
        (("1e5", "-.5", "3."), "number"),
        (("1", "NA", "null", " "), "integer"),
        (("true", "False", "TRUE"), "boolean"),
        (("yes", "no"), "string"),
        (("2020-02-29", "2020-01-01T10:00:00Z"), "timestamp"),
        (("2021-02-29",), "string"),
        (("0000-01-01",), "string"),
        (("2021-01-01 24:00",), "string"),
        ((None, None), "string"),
        (("NA", "n/a"), "string"),
        (("1", "x"), "string"),
    ],
)
def test_a_column_gets_the_narrowest_type_that_fits_all_cells(
    cells: tuple[str | None, ...], expected: str
) -> None:
    assert guessed(*cells) == expected


@pytest.mark.parametrize(
    "cells",
    [
        ("007", "12"),
        ("+491234567",),
        ("9223372036854775808",),
        ("12345678901234567890", "1"),
        ("9007199254740993", "0.5"),
        ("-01",),
    ],
)
def test_numbers_that_would_lose_something_stay_text(cells: tuple[str, ...]) -> None:
    assert guessed(*cells) == "string"
    array = pa.array(cells)
    kept = typed_array(array, ColumnType.STRING, name="x", first_row=2)
    assert kept.to_pylist() == list(cells)


def test_a_decimal_comma_counts_only_where_cells_are_not_separated_by_commas() -> None:
    assert guessed("3,14", "2") == "string"
    assert guessed("3,14", "2", decimal_comma=True) == "number"


def test_a_late_cell_changes_the_type_of_the_whole_column() -> None:
    guess = ColumnGuess()
    for cells in (["1"] * 1000, ["2"], ["a"]):
        guess.update(pa.array(cells))
    assert guess.type is ColumnType.STRING


def test_infinities_and_overflows_are_refused_with_their_rows() -> None:
    for cell in ("inf", "-Infinity", "+inf", "1e400"):
        cells = pa.array(["1.5", cell, "2"])
        with pytest.raises(NotFinite) as refusal:
            typed_array(cells, ColumnType.NUMBER, name="x", first_row=2)
        assert refusal.value.details["rows"] == [3]


def test_cells_that_do_not_fit_a_given_type_are_named() -> None:
    with pytest.raises(SchemaMismatch, match="'abc' in row 11"):
        typed_array(pa.array(["1", "abc"]), ColumnType.INTEGER, name="x", first_row=10)


def test_times_with_an_offset_become_utc_and_others_are_taken_as_utc() -> None:
    cells = pa.array(["2021-01-01T02:00:00+02:00", "2021-01-01", None, "2021-06-01 10:00:00.25"])
    values = typed_array(cells, ColumnType.TIMESTAMP, name="t", first_row=2).to_pylist()
    assert values == [
        datetime(2021, 1, 1, tzinfo=UTC),
        datetime(2021, 1, 1, tzinfo=UTC),
        None,
        datetime(2021, 6, 1, 10, 0, 0, 250_000, tzinfo=UTC),
    ]


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_every_64_bit_integer_survives(values: list[int | None]) -> None:
    cells = pa.array([None if v is None else str(v) for v in values], pa.string())
    if any(v is not None for v in values):
        guess = ColumnGuess()
        guess.update(cells)
        assert guess.type is ColumnType.INTEGER
    read = typed_array(cells, ColumnType.INTEGER, name="x", first_row=2)
    assert read.to_pylist() == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_finite_double_survives_its_shortest_spelling(values: list[float]) -> None:
    cells = pa.array([repr(v) for v in values])
    guess = ColumnGuess()
    guess.update(cells)
    assert guess.type is ColumnType.NUMBER
    read = typed_array(cells, ColumnType.NUMBER, name="x", first_row=2).to_pylist()
    assert [v.hex() for v in read] == [v.hex() for v in values]


_CELLS = st.sampled_from(
    ["1", "-7", "2.5", "007", "true", "x", "", "NA", "2020-01-01", "inf", "9" * 19, "1,5"]
)


@given(st.lists(_CELLS, min_size=1, max_size=12), st.integers(1, 5), st.randoms())
def test_the_guess_depends_neither_on_batches_nor_on_order(
    cells: list[str], size: int, random: object
) -> None:
    whole, pieces = ColumnGuess(decimal_comma=True), ColumnGuess(decimal_comma=True)
    whole.update(pa.array(cells))
    shuffled = list(cells)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for start in range(0, len(shuffled), size):
        pieces.update(pa.array(shuffled[start : start + size]))
    assert whole.type is pieces.type


@given(st.lists(st.text(max_size=12), min_size=1))
def test_any_text_can_be_guessed_and_read(cells: list[str]) -> None:
    cells = [c.encode("utf-8", "ignore").decode() for c in cells]
    guess = ColumnGuess()
    array = pa.array(cells)
    guess.update(array)
    try:
        read = typed_array(array, guess.type, name="x", first_row=2)
    except NotFinite:
        return
    assert len(read) == len(cells)
    assert read.type == guess.type.arrow
