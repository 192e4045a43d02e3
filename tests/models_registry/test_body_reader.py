"""Bodies read at once: whatever they hold, the answer is that of reading them value by value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from models_registry.signatures import (
    BESIDE,
    Columns,
    Field,
    Signature,
    columns_from_body,
    columns_from_records,
    decode_body,
)
from tests.models_registry.test_signatures import (
    FLOAT32_MAX,
    ROW,
    SIGNATURE,
    same,
    signature_and_records,
)

SIZES = Signature((Field("size", "number"), Field("age", "integer", nullable=True)), "regression")

#: What can stand in the place of a value, and of a whole body.
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
_TOKENS = st.sampled_from(
    [
        *('"', "\\", "{", "}", "[", "]", ",", ":", "e9", "E+400", "-", ".", "0", "NaN", "Infinity"),
        *(
            "null",
            "true",
            "\\ud800",
            "\\u0000",
            '"size":',
            '"size":1,',
            '"instances":',
            "\x00",
            "é",
        ),
    ]
)


def slowly(signature: Signature, body: bytes) -> Columns:
    return columns_from_records(signature, decode_body(body, also=BESIDE)[0])


def outcome(read: Any, signature: Signature, body: bytes) -> Columns | tuple[str, Any]:
    try:
        found: Columns = read(signature, body)
    except DomainError as error:
        return type(error).__name__, (str(error), error.details)
    return found


def assert_the_same(signature: Signature, body: bytes) -> None:
    quickly, carefully = (
        outcome(columns_from_body, signature, body),
        outcome(slowly, signature, body),
    )
    if isinstance(quickly, Columns) and isinstance(carefully, Columns):
        assert same(quickly, carefully)
        assert quickly.unseen == carefully.unseen
        assert quickly.outside == carefully.outside
    else:
        assert quickly == carefully


@given(signature_and_records())
@settings(max_examples=100, deadline=None)
def test_rows_that_fit_are_the_same(case: tuple[Signature, list[dict[str, Any]]]) -> None:
    signature, records = case
    assert_the_same(signature, json.dumps({"instances": records}).encode())
    assert_the_same(signature, orjson.dumps({"explain": True, "instances": records}))


@given(name=st.sampled_from([*ROW, "other"]), value=_JSON, at=st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_a_strange_value_is_taken_or_refused_in_the_same_words(
    name: str, value: Any, at: int
) -> None:
    rows = [dict(ROW) for _ in range(3)]
    rows[at][name] = value
    assert_the_same(SIGNATURE, json.dumps({"instances": rows}).encode())


@given(place=st.integers(0, 200), token=_TOKENS, cut=st.integers(0, 3))
@settings(max_examples=300, deadline=None)
def test_a_body_with_something_wrong_in_it_is_refused_in_the_same_words(
    place: int, token: str, cut: int
) -> None:
    body = orjson.dumps({"instances": [ROW, ROW]})
    assert_the_same(SIGNATURE, body[:place] + token.encode() + body[place + cut :])


@pytest.mark.parametrize(
    "numbers",
    [
        [1e300, 1],
        [FLOAT32_MAX * 2, 1],
        [2**53 + 1, 1],
        [1.0, 2**53 + 2],
        [1.0, 1.5],
        [1.0, None],
        [None, 1],
        [-0.0, -0.0],
        [True, 1],
        [1.0, False],
        ["1", 1],
        [5e-324, 10**18],
    ],
)
def test_numbers_that_a_double_may_not_carry_are_looked_at(numbers: Sequence[Any]) -> None:
    row = dict(zip(("size", "age"), numbers, strict=True))
    assert_the_same(SIZES, json.dumps({"instances": [row]}).encode())
    assert_the_same(SIZES, json.dumps({"instances": [{"size": 1, "age": 2}, row] * 900}).encode())


def test_plain_rows_are_read_at_once() -> None:
    for count in (1, 2, 3000):
        rows = [{"size": float(at), "age": None if at % 7 == 3 else at} for at in range(count)]
        body = json.dumps({"instances": rows, "threshold": 0.25}, indent=1).encode()
        read = SIZES.body_reader.read(body)
        assert read is not None
        assert (read.row_count, read.beside) == (count, {"threshold": 0.25})
        wanted = np.array([[row["size"], row["age"]] for row in rows], dtype=np.float64)
        assert np.array_equal(read.numeric, wanted, equal_nan=True)
    words = SIGNATURE.body_reader.read(orjson.dumps({"instances": [ROW]}))
    assert words is not None
    assert (list(words.text[0]), list(words.text[1])) == (["north"], ["hello"])
    assert words.numeric.shape == (1, 4)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"instances": {}}',
        b'{"instances": [{"size": 1, "age": 2}], "more": 1}',
        b'{"instances": [{"size": 1, "size": 2, "age": 2}]}',
        b'{"instances": [{"size": 1}]}',
        b'{"instances": [{"size": 1, "age": 2, "other": 3}]}',
        b'{"instances": [{"size": "1", "age": 2}]}',
        b'{"instances": [{"size": 1, "age": 2}], "threshold": {"a": 1}}',
        b'{"instances": [{"size": 1, "age": 2}]}x',
        b'\xff{"instances": []}',
        b'{"instances": ' + b"[" * 100_000,
    ],
)
def test_what_is_unusual_is_left_to_those_who_say_why(body: bytes) -> None:
    assert SIZES.body_reader.read(body) is None


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "größe", "f0", "instances", "a:b", ""])
def test_whatever_a_column_is_called_it_is_read(name: str) -> None:
    signature = Signature((Field(name, "number"), Field("f1", "string")), "regression")
    body = json.dumps({"instances": [{name: 1.25, "f1": "x"}]}).encode()
    assert_the_same(signature, body)
    assert columns_from_body(signature, body).numeric.tolist() == [[1.25]]
