"""One coercion: what ingest takes in, a prediction request may send, and the other way round."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

from core.errors import DomainError
from datasets.schema import Column, ColumnType, NotAValue, Schema, ValueLimits, coerce
from datasets.schema.arrow import normalise_batch
from datasets.schema.conversion import typed_array
from datasets.schema.enforcement import enforced, violations
from models_registry.signatures import (
    Columns,
    Field,
    InputRefused,
    Signature,
    columns_from_frame,
    columns_from_records,
)

FLOAT32_MAX = float(np.finfo(np.float32).max)
SERVED = ("integer", "number", "boolean", "string")

numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(-5, 5)
    | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**60, 2**60 + 1, -0.0, 1e300, 3e38])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-100, 100).map(float)
)
#: What JSON, a Parquet column and a cell of text can all say.
values = numbers | st.booleans() | st.text("aä1 -.", max_size=4) | st.none()


@st.composite
def limits_of(draw: st.DrawFn, kind: str) -> ValueLimits:
    if kind in ("integer", "number") and draw(st.booleans()):
        low, high = sorted(draw(st.tuples(st.integers(-9, 9), st.integers(-9, 9))))
        return ValueLimits(low, high, enforce=True)
    if kind == "string" and draw(st.booleans()):
        return ValueLimits(categories=("a", "ä", ""), enforce=True)
    return ValueLimits()


def ingest(value: Any, column: Column) -> tuple[bool, Any]:
    """Take a value in as a column of a Parquet file with nothing else in it would bring it."""
    batch = pa.RecordBatch.from_pydict({column.name: pa.array([value])})
    schema = Schema((column,))
    try:
        rows = list(enforced([normalise_batch(batch, schema)], schema))
    except DomainError:
        return False, None
    return True, rows[0].column(0)[0].as_py()


def predict(value: Any, column: Column) -> tuple[bool, Any]:
    """Send a value to a model that was trained on the column."""
    signature = _signature(column)
    try:
        found = columns_from_records(signature, [{column.name: value}])
    except InputRefused:
        return False, None
    return True, _only(found)


def train(value: Any, column: Column) -> Any:
    """Give a stored value to a model as training does."""
    table = pa.table({column.name: pa.array([value], column.type.arrow)})
    return _only(columns_from_frame(_signature(column), table.to_pandas()))


def _signature(column: Column) -> Signature:
    kind: Any = column.type.value
    field = Field(column.name, kind, column.nullable, limits=column.limits)
    return Signature((field,), "regression")


def _only(columns: Columns) -> Any:
    if columns.signature.numeric:
        number = float(columns.numeric[0, 0])
        return None if math.isnan(number) else number
    return columns.text[0][0]


@given(st.data())
@settings(max_examples=150)
def test_what_ingest_takes_in_a_prediction_may_send_and_the_other_way_round(
    data: st.DataObject,
) -> None:
    kind = data.draw(st.sampled_from(SERVED))
    column = Column(
        "x", ColumnType(kind), nullable=data.draw(st.booleans()), limits=data.draw(limits_of(kind))
    )
    value = data.draw(values)
    if isinstance(value, int | float) and abs(value) > FLOAT32_MAX:
        return  # no model computes with it: refused by the signature, whatever the dataset says
    taken, stored = ingest(value, column)
    answered, seen = predict(value, column)
    assert taken == answered
    if taken:
        assert seen == train(stored, column)


@given(st.sampled_from(SERVED), numbers | st.booleans() | st.text("aä1-.", min_size=1, max_size=4))
@settings(max_examples=80)
def test_a_cell_of_text_becomes_the_value_that_json_would_send(kind: str, value: Any) -> None:
    type_ = ColumnType(kind)
    try:
        wanted = coerce(value, type_)
    except NotAValue:
        return
    cell = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, float) and kind == "integer":
        cell = str(wanted)  # how a CSV file spells a whole number
    if kind == "number" and isinstance(value, int):
        cell = repr(wanted)
    assert typed_array(pa.array([cell]), type_, name="x", first_row=1)[0].as_py() == wanted


@given(values, st.sampled_from(list(ColumnType)))
@settings(max_examples=80)
def test_one_value_and_an_array_of_it_are_coerced_alike(value: Any, type_: ColumnType) -> None:
    if value is None:
        return
    taken, stored = ingest(value, Column("x", type_))
    try:
        assert taken
        assert stored == coerce(value, type_)
    except NotAValue:
        pytest.fail("the array was taken, the value refused")
    except AssertionError:
        with pytest.raises(NotAValue):
            coerce(value, type_)


@pytest.mark.parametrize(
    ("value", "type_", "wanted"),
    [
        (3, "number", 3.0),
        (3.0, "integer", 3),
        (2.0**60, "integer", 2**60),
        ("2024-01-02", "timestamp", datetime(2024, 1, 2, tzinfo=UTC)),
        ("2024-01-02T03:04:05+02:00", "timestamp", datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)),
        (datetime(2024, 1, 2), "timestamp", datetime(2024, 1, 2, tzinfo=UTC)),  # noqa: DTZ001
    ],
)
def test_values_become_what_the_type_has(value: object, type_: str, wanted: object) -> None:
    assert coerce(value, ColumnType(type_)) == wanted


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (2**53 + 1, "number"),
        (10**400, "number"),
        (2**63, "integer"),
        (1.5, "integer"),
        (True, "integer"),
        (1, "boolean"),
        ("1", "integer"),
        (1, "string"),
        ("30 February", "timestamp"),
        ("2024-02-30", "timestamp"),
        ("\ud800", "timestamp"),
        (float("nan"), "number"),
        (float("inf"), "integer"),
        (None, "string"),
    ],
)
def test_what_would_lose_something_is_no_value(value: object, type_: str) -> None:
    with pytest.raises(NotAValue):
        coerce(value, ColumnType(type_))


def test_every_violation_says_where_and_why() -> None:
    schema = Schema(
        (
            Column("n", ColumnType.INTEGER, nullable=False, limits=ValueLimits(0, 9)),
            Column("s", ColumnType.STRING, limits=ValueLimits(categories=("a",))),
        )
    )
    batch = pa.RecordBatch.from_pydict(
        {"n": pa.array([1, None, 12], pa.int64()), "s": ["a", "b", None]}
    )
    found = [(one.row, one.column, one.reason) for one in violations(batch, schema, first_row=5)]
    assert found == [
        (6, "n", "a value is required"),
        (7, "n", "must be at most 9"),
        (6, "s", "is none of the values of the schema"),
    ]


def test_limits_of_the_schema_flag_an_answer_and_refuse_only_where_it_says_so() -> None:
    flagged = Field("age", "integer", limits=ValueLimits(0, 120))
    strict = Field("town", "string", limits=ValueLimits(categories=("Rome",), enforce=True))
    signature = Signature((flagged, strict), "regression")
    found = columns_from_records(signature, [{"age": 130, "town": "Rome"}])
    assert found.outside == ((0, "age"),)
    with pytest.raises(InputRefused, match="none of the values"):
        columns_from_records(signature, [{"age": 130, "town": "Oslo"}])
    assert Signature.from_dict(json.loads(json.dumps(signature.to_dict()))) == signature


def test_an_edited_schema_lets_a_model_take_null_where_the_dataset_does() -> None:
    schema = Schema((Column("a", ColumnType.NUMBER, limits=ValueLimits(0, 1)),), revision=1)
    signature = Signature((Field("a", "number"),), "regression").declared_by(schema)
    assert signature.inputs[0].nullable
    assert signature.inputs[0].limits.maximum == 1
    frame = pd.DataFrame({"a": [0.5, None]})
    assert columns_from_frame(signature, frame).row_count == 2
