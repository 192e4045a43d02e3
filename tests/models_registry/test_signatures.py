"""Signatures: what fits passes unchanged, what does not is refused with its row and column."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_registry.signatures import (
    BodyMalformed,
    Columns,
    Field,
    InputRefused,
    Signature,
    columns_from_frame,
    columns_from_lists,
    columns_from_records,
    decode_instances,
    encode_instances,
    infer_signature,
)

FLOAT32_MAX = float(np.finfo(np.float32).max)
SIGNATURE = Signature(
    inputs=(
        Field("size", "number"),
        Field("count", "integer"),
        Field("is_new", "boolean"),
        Field("region", "string", categories=("north", "south")),
        Field("maybe", "number", nullable=True),
        Field("word", "string", nullable=True),
    ),
    task="classification",
    classes=("no", "yes"),
    output_name="answer",
)
ROW: dict[str, Any] = {
    "size": 1.5,
    "count": 3,
    "is_new": True,
    "region": "north",
    "maybe": None,
    "word": "hello",
}

#: What ``str.isprintable`` takes: everything but control characters and separators, and the space.
_PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
names = st.text(_PRINTABLE, min_size=1, max_size=12)
fields = st.builds(
    Field,
    name=names,
    type=st.sampled_from(["number", "integer", "boolean", "string"]),
    nullable=st.booleans(),
)
signatures = st.lists(fields, min_size=1, max_size=6, unique_by=lambda field: field.name).map(
    lambda chosen: Signature(tuple(chosen), "classification", ("a", "b"))
)


def values_of(field: Field) -> st.SearchStrategy[Any]:
    made: st.SearchStrategy[Any]
    if field.type == "number":
        exact = st.integers(-(2**60), 2**60).map(lambda whole: int(float(whole)))
        made = st.floats(-FLOAT32_MAX, FLOAT32_MAX) | exact
    elif field.type == "integer":
        made = st.integers(-(2**53), 2**53)
    elif field.type == "boolean":
        made = st.booleans()
    else:
        made = st.text(max_size=20)
    return made | st.none() if field.nullable else made


@st.composite
def signature_and_records(draw: st.DrawFn) -> tuple[Signature, list[dict[str, Any]]]:
    signature = draw(signatures)
    row = st.fixed_dictionaries({field.name: values_of(field) for field in signature.inputs})
    return signature, draw(st.lists(row, max_size=5))


def same(left: Columns, right: Columns) -> bool:
    return (
        left.row_count == right.row_count
        and np.array_equal(left.numeric, right.numeric, equal_nan=True)
        and all(a.tolist() == b.tolist() for a, b in zip(left.text, right.text, strict=True))
    )


@given(signature_and_records())
@settings(max_examples=60, deadline=None)
def test_rows_survive_the_wire(case: tuple[Signature, list[dict[str, Any]]]) -> None:
    signature, records = case
    columns = columns_from_records(signature, records)
    assert columns.row_count == len(records)
    again = columns_from_records(signature, decode_instances(encode_instances(columns)))
    assert same(columns, again)
    body = json.dumps({"instances": records}).encode()
    assert same(columns, columns_from_records(signature, decode_instances(body)))


@given(signature_and_records())
@settings(max_examples=40, deadline=None)
def test_columns_say_the_same_as_rows(case: tuple[Signature, list[dict[str, Any]]]) -> None:
    signature, records = case
    lists = {name: [record[name] for record in records] for name in signature.names}
    assert same(columns_from_records(signature, records), columns_from_lists(signature, lists))


@given(signatures)
@settings(max_examples=50, deadline=None)
def test_a_signature_survives_being_stored(signature: Signature) -> None:
    stored = json.loads(json.dumps(signature.to_dict()))
    assert Signature.from_dict(stored) == signature


@given(
    signature_and_records(),
    st.data(),
    st.sampled_from([[], {}, "text", 1.5, True, None, 10**400, float("nan"), float("inf")]),
)
@settings(max_examples=60, deadline=None)
def test_a_strange_value_is_refused_or_means_itself(
    case: tuple[Signature, list[dict[str, Any]]], data: st.DataObject, strange: Any
) -> None:
    """Whatever arrives: columns, or a refusal that names a row and a column; never another error."""
    signature, records = case
    if not records:
        return
    row = data.draw(st.integers(0, len(records) - 1))
    field = data.draw(st.sampled_from(signature.inputs))
    records[row] = {**records[row], field.name: strange}
    fits = _fits(field, strange)
    if not fits:
        with pytest.raises(InputRefused) as refused:
            columns_from_records(signature, records)
        first = refused.value.complaints[0]
        assert (first.row, first.column) == (row, field.name)
        return
    assert columns_from_records(signature, records).row_count == len(records)


def _fits(field: Field, value: Any) -> bool:
    if value is None:
        return field.nullable
    if isinstance(value, str):
        return field.type == "string"
    if isinstance(value, bool):
        return field.type == "boolean"
    return value == 1.5 and field.type == "number"


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("text for a number", {"size": "1.5"}, "size", "a number was expected, not text"),
    ("a truth value for a number", {"size": True}, "size", "not a truth value"),
    ("a list for a number", {"size": [1]}, "size", "not a list"),
    ("an object for a number", {"size": {"v": 1}}, "size", "not an object"),
    ("null where it is not a value", {"size": None}, "size", "null is not a value"),
    ("NaN", {"size": math.nan}, "size", "send null, not NaN"),
    ("infinity", {"size": math.inf}, "size", "too large"),
    ("minus infinity", {"size": -math.inf}, "size", "too large"),
    ("a number beyond float32", {"size": 3.5e38}, "size", "too large"),
    ("a number beyond float64", {"size": 10**400}, "size", "too large"),
    ("a fraction for an integer", {"count": 1.5}, "count", "a whole number"),
    ("a truth value for an integer", {"count": False}, "count", "not a truth value"),
    ("text for an integer", {"count": "3"}, "count", "not text"),
    ("1 for a truth value", {"is_new": 1}, "is_new", "true or false was expected, not a number"),
    ("text for a truth value", {"is_new": "true"}, "is_new", "not text"),
    ("null for a truth value", {"is_new": None}, "is_new", "null is not a value"),
    ("a number for text", {"region": 5}, "region", "text was expected, not a number"),
    ("null for text", {"region": None}, "region", "null is not a value"),
    ("a list for text", {"word": ["a"]}, "word", "not a list"),
    ("NaN where null is a value", {"maybe": math.nan}, "maybe", "send null"),
    ("one column too many", {"colour": "red"}, "colour", "no such column"),
]


@pytest.mark.parametrize(
    ("change", "column", "message"),
    [case[1:] for case in BAD],
    ids=[case[0] for case in BAD],
)
def test_bad_input_is_refused_with_row_and_column(
    change: dict[str, Any], column: str, message: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        columns_from_records(SIGNATURE, [ROW, {**ROW, **change}])
    (complaint,) = refused.value.complaints
    assert (complaint.row, complaint.column) == (1, column)
    assert message in complaint.message
    assert refused.value.errors[0].field == f"instances[1].{column}"


def test_a_missing_column_is_refused() -> None:
    short = {name: value for name, value in ROW.items() if name != "maybe"}
    with pytest.raises(InputRefused, match="row 0, column 'maybe': this column is missing"):
        columns_from_records(SIGNATURE, [short])
    with pytest.raises(InputRefused) as refused:  # as many keys as columns, one of them wrong
        columns_from_records(SIGNATURE, [{**short, "mayby": None}])
    assert {item.column for item in refused.value.complaints} == {"maybe", "mayby"}


@pytest.mark.parametrize("row", [None, 5, "text", ["a"]])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    with pytest.raises(InputRefused) as refused:
        columns_from_records(SIGNATURE, [ROW, row])
    assert refused.value.errors[0].field == "instances[1]"


def test_all_complaints_are_listed_up_to_a_limit() -> None:
    with pytest.raises(InputRefused) as refused:
        columns_from_records(SIGNATURE, [{**ROW, "size": "x", "count": "y"}] * 1000)
    assert len(refused.value.complaints) == 50
    assert "and 49 more" in refused.value.message


def test_whole_numbers_may_come_as_fractions() -> None:
    columns = columns_from_records(SIGNATURE, [{**ROW, "count": 3.0, "size": 2}])
    assert columns.numeric[0].tolist()[:3] == [2.0, 3.0, 1.0]


def test_an_unknown_category_is_remarked_and_passes() -> None:
    columns = columns_from_records(
        SIGNATURE, [ROW, {**ROW, "region": "west"}, {**ROW, "word": "new"}]
    )
    assert columns.unseen == ((1, "region"),)


def test_null_is_nan_or_empty_text() -> None:
    columns = columns_from_records(SIGNATURE, [{**ROW, "maybe": None, "word": None}])
    assert math.isnan(columns.numeric[0, 3])
    assert columns.text[1].tolist() == [""]
    assert columns.has_missing().tolist() == [True]


def test_columns_of_different_lengths_are_refused() -> None:
    lists = {name: [value, value] for name, value in ROW.items()}
    with pytest.raises(InputRefused, match="shorter"):
        columns_from_lists(SIGNATURE, {**lists, "size": [1.0]})
    assert columns_from_lists(SIGNATURE, lists).row_count == 2


def test_estimators_see_float32_and_text_in_the_order_of_the_signature() -> None:
    frame = columns_from_records(SIGNATURE, [ROW, ROW]).to_frame()
    assert list(frame.columns) == list(SIGNATURE.names)
    assert {str(kind) for kind in frame[["size", "count", "is_new", "maybe"]].dtypes} == {"float32"}
    assert frame["region"].dtype == object
    assert frame["size"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"", None, "not valid JSON"),
        (b"{", None, "not valid JSON"),
        (b"\xff\xfe", None, "not valid JSON"),
        (b'{"instances": [{"a": NaN}]}', None, "not valid JSON"),
        (b'{"instances": [{"a": Infinity}]}', None, "not valid JSON"),
        (b'{"instances": [{"a": -Infinity}]}', None, "not valid JSON"),
        (b"[]", "instances", "must be an object"),
        (b"null", "instances", "must be an object"),
        (b"{}", "instances", "must be an object"),
        (b'{"instances": {}}', "instances", "must be an object"),
        (b'{"instances": [1]}', "instances[0]", "Row 0"),
        (b'{"instances": [{}, null]}', "instances[1]", "Row 1"),
        (b'{"instances": [], "more": 1}', "more", "'more' is not known"),
        (b'{"instances": [{"a": 1, "a": 2}]}', "a", "'a' appears twice"),
        (b'{"instances": [{"a": 1}], "instances": []}', "instances", "appears twice"),
        (b'{"instances": [{"a": ":", "\\u0061": 2}]}', "a", "appears twice"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(body: bytes, field: str | None, message: str) -> None:
    with pytest.raises(BodyMalformed, match=message) as refused:
        decode_instances(body)
    assert refused.value.field == field


def test_colons_in_text_are_no_twins() -> None:
    assert decode_instances(b'{"instances": [{"a": "x:y::z"}]}') == [{"a": "x:y::z"}]


@pytest.mark.parametrize("body", [b'{"instances": [' + b"[" * 5000, b'{"instances": ' + b"[" * 9])
def test_deeply_nested_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BodyMalformed):
        decode_instances(body)
    with pytest.raises(BodyMalformed):
        decode_instances(b'{"instances": [' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"]}")


def test_numbers_that_overflow_are_refused_as_too_large() -> None:
    try:
        records = decode_instances(
            json.dumps({"instances": [ROW]}).replace("1.5", "1e999").encode()
        )
    except BodyMalformed:
        return
    with pytest.raises(InputRefused, match="too large"):
        columns_from_records(SIGNATURE, records)


def test_a_signature_is_read_off_a_frame() -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "real": [1.0, None, 3.0],
            "truth": [True, False, True],
            "maybe_truth": np.array([True, None, False], dtype=object),
            "word": ["b", "a", "b"],
            "many": [f"w{i}" for i in range(3)],
        }
    )
    found = infer_signature(frame, task="regression", output_name="y")
    assert [(field.type, field.nullable) for field in found.inputs] == [
        ("integer", False),
        ("number", True),
        ("boolean", False),
        ("boolean", True),
        ("string", False),
        ("string", False),
    ]
    assert found.inputs[4].categories == ("a", "b")
    wide = pd.DataFrame({"id": [f"w{i}" for i in range(1001)]})
    assert infer_signature(wide, task="regression").inputs[0].categories is None
    columns = columns_from_frame(found, frame)
    assert columns.has_missing().tolist() == [False, True, False]
