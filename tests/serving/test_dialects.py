"""Codecs of the foreign dialects: any dialect, the same instance, the same answer."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_registry.signatures import Field, Signature
from serving.prediction_log.features import FeatureBlock
from serving.protocols import MLFLOW, NATIVE, OPEN_INFERENCE, Envelope
from serving.protocols.open_inference import input_metadata, output_metadata
from tests.serving.dialects import (
    CLASSIFIER,
    CLASSIFY,
    NAMES,
    PREDICT,
    REGRESS,
    REGRESSOR,
    ROW,
    Row,
    ask,
    column,
    content_of,
    rows,
    v2_binary,
    v2_inputs,
)


@settings(max_examples=60)
@given(st.lists(rows, min_size=1, max_size=5))
def test_every_dialect_gives_the_same_answer_to_the_same_instances(table: list[Row]) -> None:
    expected = content_of(ask(NATIVE, {"instances": table}))
    labels, shares = expected["predictions"], expected["probabilities"]
    values = [[row[name] for name in NAMES] for row in table]
    columns = {name: column(table, name) for name in NAMES}

    def tensorflow(**body: Any) -> Any:
        return content_of(ask(PREDICT, body))

    assert tensorflow(instances=table) == {"predictions": labels}
    assert tensorflow(instances=values) == {"predictions": labels}
    assert tensorflow(inputs=columns) == {"outputs": labels}
    assert (
        tensorflow(inputs={k: [[v] for v in vs] for k, vs in columns.items()})["outputs"] == labels
    )
    named = tensorflow(instances=table, signature_name="predict_proba")
    assert named == {"predictions": shares}
    classified = content_of(ask(CLASSIFY, {"examples": table}))["results"]
    assert [[pair[1] for pair in row] for row in classified] == shares
    assert [pair[0] for pair in classified[0]] == ["no", "yes"]

    for shape in (
        {"dataframe_split": {"columns": list(NAMES), "data": values, "index": []}},
        {"dataframe_records": table},
        {"instances": table},
        {"inputs": columns},
        {"instances": values},
    ):
        assert content_of(ask(MLFLOW, shape)) == {"predictions": labels}
    proba = {"dataframe_records": table, "params": {"predict_method": "predict_proba"}}
    assert content_of(ask(MLFLOW, proba)) == {"predictions": shares}
    frame = pa.table(
        columns,
        schema=pa.schema(
            [
                ("size", pa.float64()),
                ("age", pa.int64()),
                ("is_member", pa.bool_()),
                ("region", pa.string()),
            ]
        ),
    )
    sink = io.BytesIO()
    pq.write_table(frame, sink)
    parquet = ask(MLFLOW, sink.getvalue(), content_type="application/vnd.apache.parquet")
    assert content_of(parquet) == {"predictions": labels}

    both = [{"name": "predict"}, {"name": "predict_proba"}, {"name": "prediction_id"}]
    answer = content_of(
        ask(OPEN_INFERENCE, {"id": "42", "inputs": v2_inputs(table), "outputs": both})
    )
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", "churn", "7")
    assert [one["data"] for one in answer["outputs"][:2]] == [
        labels,
        [share for row in shares for share in row],
    ]
    assert answer["outputs"][1]["shape"] == [len(table), 2]
    assert answer["outputs"][2]["data"] == [f"id-{row}" for row in range(len(table))]


@settings(max_examples=40)
@given(st.lists(rows, min_size=1, max_size=5))
def test_binary_tensors_say_what_json_says(table: list[Row]) -> None:
    # Raw bytes have no null for text; the empty text is what stands for it everywhere.
    table = [{**row, "region": row["region"] or "x"} for row in table]
    body, json_bytes = v2_binary(table)
    as_json = content_of(ask(OPEN_INFERENCE, {"inputs": v2_inputs(table)}))
    as_bytes = content_of(ask(OPEN_INFERENCE, body, content_type="", json_bytes=json_bytes))
    assert as_bytes == as_json


def test_binary_outputs_follow_the_json_in_their_order() -> None:
    body = {
        "inputs": v2_inputs([ROW, {**ROW, "age": -90_000}]),
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "predict_proba"}, {"name": "predict"}],
    }
    payload = ask(OPEN_INFERENCE, body)
    length = int(dict(payload.headers)["Inference-Header-Content-Length"])
    described = json.loads(payload.body[:length])["outputs"]
    raw = payload.body[length:]
    assert described[0]["parameters"] == {"binary_data_size": 32}
    shares = np.frombuffer(raw[:32], "<f8").reshape(2, 2)
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert raw[32:] == b"\x03\x00\x00\x00yes\x02\x00\x00\x00no"


def test_one_tensor_of_numbers_carries_all_columns() -> None:
    matrix = {"name": "rows", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2], [None, 4]]}
    answer = content_of(ask(OPEN_INFERENCE, {"inputs": [matrix]}, REGRESSOR))
    assert answer["outputs"] == [
        {"name": "predict", "datatype": "FP64", "shape": [2], "data": [3.0, 3.0]}
    ]
    flat = {**matrix, "data": [1, 2, None, 4]}
    assert content_of(ask(OPEN_INFERENCE, {"inputs": [flat]}, REGRESSOR)) == answer


def test_the_pandas_content_type_asks_for_columns_and_gets_them() -> None:
    body = {
        "parameters": {"content_type": "pd"},
        "inputs": [{**one, "shape": [1, 1]} for one in v2_inputs([ROW])],
    }
    answer = content_of(ask(OPEN_INFERENCE, body))
    assert answer["parameters"] == {"content_type": "pd"}
    assert answer["outputs"][0]["shape"] == [1, 1]
    assert answer["outputs"][0]["parameters"] == {"content_type": "str"}


def test_text_may_come_in_base64() -> None:
    inputs = v2_inputs([ROW])
    inputs[3] |= {"data": ["bm9ydGg="], "parameters": {"content_type": "base64"}}
    plain = content_of(ask(OPEN_INFERENCE, {"inputs": v2_inputs([ROW])}))
    assert content_of(ask(OPEN_INFERENCE, {"inputs": inputs})) == plain


def test_a_regressor_regresses_and_nan_stands_for_null() -> None:
    body = b'{"examples": [{"x": NaN}, {"x": 1}], "context": {"y": 2}}'
    assert content_of(ask(REGRESS, body, REGRESSOR)) == {"results": [1.0, 3.0]}
    single = Signature((Field("x", "number"),), "regression")
    assert content_of(ask(PREDICT, {"instances": [1, 2.5]}, single)) == {"predictions": [1.0, 2.5]}


@pytest.mark.parametrize(
    ("text", "size", "region"),
    [
        ("size,age,is_member,region\n1.5,3,true,north\n", 1.5, "north"),
        ('"region","size","age","is_member"\r\n"a ""b"",\nc",2e3, 3 ,TRUE\r\n', 2e3, 'a "b",\nc'),
        ("\ufeffsize,age,is_member,region\n,3,true,\n", None, None),
        ("size,age,is_member,region\nNaN,3,true,x\n\n", None, "x"),
    ],
)
def test_csv_is_read_by_the_types_of_the_signature(
    text: str, size: float | None, region: str | None
) -> None:
    same = {"size": size, "age": 3, "is_member": True, "region": region}
    expected = content_of(ask(MLFLOW, {"dataframe_records": [same]}))
    assert content_of(ask(MLFLOW, text.encode(), content_type="text/csv")) == expected


def test_metadata_name_types_and_shapes() -> None:
    assert input_metadata(CLASSIFIER)[1] == {"name": "age", "datatype": "INT64", "shape": [-1]}
    assert [one["datatype"] for one in output_metadata(CLASSIFIER)] == ["BYTES", "FP64"]
    assert output_metadata(REGRESSOR) == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


def test_logged_columns_keep_truth_values_integers_and_nulls() -> None:
    columns = NATIVE.decode(
        Envelope(json.dumps({"instances": [ROW, {**ROW, "size": None, "region": None}]}).encode()),
        CLASSIFIER,
        most_rows=5,
    ).columns
    block = FeatureBlock.of(columns)
    logged = json.loads(
        orjson.dumps(
            dict(zip(block.names, block.columns, strict=True)), option=orjson.OPT_SERIALIZE_NUMPY
        )
    )
    assert logged == {
        "size": [1.5, None],
        "age": [3, 3],
        "is_member": [True, True],
        "region": ["north", None],
    }
