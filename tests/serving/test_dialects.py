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

from core.errors import DomainError
from core.problems import domain_problem
from models_registry.runtimes import Scores
from models_registry.signatures import Columns, Field, Signature
from serving.prediction_log.features import FeatureBlock
from serving.protocols import (
    MLFLOW,
    NATIVE,
    OPEN_INFERENCE,
    Address,
    Answered,
    Codec,
    Envelope,
    Payload,
    scoring_address,
)
from serving.protocols.open_inference import input_metadata, output_metadata
from serving.protocols.tensorflow import TensorFlow

PREDICT, CLASSIFY, REGRESS = TensorFlow("predict"), TensorFlow("classify"), TensorFlow("regress")
FIELDS = (
    Field("size", "number", nullable=True),
    Field("age", "integer"),
    Field("is_member", "boolean"),
    Field("region", "string", nullable=True),
)
CLASSIFIER = Signature(FIELDS, "classification", ("no", "yes"), "churn")
REGRESSOR = Signature(
    (Field("x", "number", nullable=True), Field("y", "number")), "regression", None, "price"
)
NAMES = CLASSIFIER.names
Row = dict[str, Any]
ROW: Row = {"size": 1.5, "age": 3, "is_member": True, "region": "north"}

rows = st.fixed_dictionaries(
    {
        "size": st.none() | st.floats(-(2.0**90), 2.0**90, width=32),
        "age": st.integers(-(2**31), 2**31 - 1),
        "is_member": st.booleans(),
        "region": st.none() | st.text(min_size=1, max_size=8).filter(lambda t: "\x00" not in t),
    }
)


def scores_of(columns: Columns) -> Scores:
    """A model that depends on every value of a row."""
    number = np.nan_to_num(columns.numeric, nan=-1.0).sum(axis=1)
    for texts in columns.text:
        number = number + np.array([sum(map(ord, text)) for text in texts])
    positive = 1.0 / (1.0 + np.exp(-np.clip(number / 1e3, -50, 50)))
    if columns.signature.task == "regression":
        return Scores(number.tolist(), None)
    labels = ["yes" if share > 0.5 else "no" for share in positive]
    return Scores(labels, np.column_stack([1.0 - positive, positive]))


def ask(
    codec: Codec,
    body: object,
    signature: Signature = CLASSIFIER,
    content_type: str = "application/json",
    json_bytes: int | None = None,
) -> Payload:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    decoded = codec.decode(Envelope(content, content_type, json_bytes), signature, most_rows=10)
    assert len(decoded.instances) == decoded.columns.row_count
    return codec.encode(
        decoded,
        Answered(
            endpoint_name="churn",
            version_number=7,
            described=orjson.Fragment(b'{"id":1,"model":"m","number":7}'),
            signature=signature,
            scores=scores_of(decoded.columns),
            prediction_ids=[f"id-{row}" for row in range(decoded.columns.row_count)],
        ),
    )


def content_of(payload: Payload) -> Any:
    assert (payload.status, payload.content_type) == (200, "application/json")
    return json.loads(payload.body)


def column(table: list[Row], name: str) -> list[Any]:
    return [row[name] for row in table]


def v2_inputs(table: list[Row], **parameters: Any) -> list[dict[str, Any]]:
    types = {"size": "FP64", "age": "INT64", "is_member": "BOOL", "region": "BYTES"}
    return [
        {"name": name, "shape": [len(table)], "datatype": types[name], "data": column(table, name)}
        for name in NAMES
    ]


def v2_binary(table: list[Row]) -> tuple[bytes, int]:
    """Return a body with binary tensors, for rows without nulls in text."""
    parts = {
        "size": np.array([np.nan if v is None else v for v in column(table, "size")], "<f8"),
        "age": np.array(column(table, "age"), "<i8"),
        "is_member": np.array(column(table, "is_member"), np.bool_),
    }
    raws = {name: array.tobytes() for name, array in parts.items()}
    texts = [(text or "").encode() for text in column(table, "region")]
    raws["region"] = b"".join(len(t).to_bytes(4, "little") + t for t in texts)
    types = {"size": "FP64", "age": "INT64", "is_member": "BOOL", "region": "BYTES"}
    document = json.dumps(
        {
            "inputs": [
                {
                    "name": name,
                    "shape": [len(table), 1],
                    "datatype": types[name],
                    "parameters": {"binary_data_size": len(raw)},
                }
                for name, raw in raws.items()
            ]
        }
    ).encode()
    return document + b"".join(raws.values()), len(document)


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


def refused(codec: Codec, body: object, **options: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        ask(codec, body, **options)
    document = domain_problem(caught.value)
    assert 400 <= codec.refusal(document).status < 500
    return caught.value


V2 = {"name": "size", "shape": [1], "datatype": "FP64", "data": [1.0]}


@pytest.mark.parametrize(
    ("codec", "body", "field"),
    [
        (PREDICT, {}, "instances"),
        (PREDICT, {"instances": [ROW], "inputs": {}}, "instances"),
        (PREDICT, {"instances": []}, "instances"),
        (PREDICT, {"instances": [ROW] * 11}, "instances"),
        (PREDICT, {"instances": [ROW, [1]]}, "instances"),
        (PREDICT, {"instances": [[1, 2, True]]}, "instances[0]"),
        (PREDICT, {"instances": [ROW], "signature_name": "other"}, "signature_name"),
        (PREDICT, {"instances": [ROW], "more": 1}, "more"),
        (PREDICT, {"inputs": {"size": 1}}, "inputs.size"),
        (PREDICT, {"inputs": {"size": [1], "age": [1, 2]}}, "instances[1].size"),
        (PREDICT, b'{"instances": [{"size": Infinity}]}', "instances[0].size"),
        (PREDICT, b"nonsense", None),
        (PREDICT, b"[1]", "body"),
        (REGRESS, {"examples": [ROW]}, "signature_name"),
        (CLASSIFY, {"examples": [1]}, "examples"),
        (CLASSIFY, {"examples": [ROW], "context": 1}, "context"),
        (MLFLOW, {"instances": [ROW], "inputs": [ROW]}, "body"),
        (MLFLOW, {"rows": [ROW]}, "rows"),
        (
            MLFLOW,
            {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}},
            "dataframe_split.columns",
        ),
        (
            MLFLOW,
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            "dataframe_split.data[0]",
        ),
        (MLFLOW, {"dataframe_split": [1]}, "dataframe_split"),
        (MLFLOW, {"dataframe_records": [ROW], "params": {"n": 1}}, "params.n"),
        (
            MLFLOW,
            {"dataframe_records": [ROW], "params": {"predict_method": "x"}},
            "params.predict_method",
        ),
        (OPEN_INFERENCE, {"inputs": []}, "inputs"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "name": None}]}, "inputs[0].name"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "shape": [-1]}]}, "inputs[0].shape"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "shape": [2]}]}, "inputs[0].data"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "shape": [10**10, 10**10]}]}, "inputs[0].shape"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "datatype": "FP128"}]}, "inputs[0].datatype"),
        (
            OPEN_INFERENCE,
            {"inputs": [{**V2, "datatype": "UINT8", "data": [256]}]},
            "inputs[0].data",
        ),
        (OPEN_INFERENCE, {"inputs": [{**V2, "data": ["x"]}]}, "inputs[0].data"),
        (OPEN_INFERENCE, {"inputs": [V2]}, "instances[0].age"),
        (OPEN_INFERENCE, {"inputs": [{**V2, "shape": [1, 1, 1]}]}, "inputs.size"),
        (
            OPEN_INFERENCE,
            {"inputs": [{**V2, "parameters": {"content_type": "hg"}}]},
            "inputs[0].parameters.content_type",
        ),
        (
            OPEN_INFERENCE,
            {"inputs": [{**V2, "parameters": {"binary_data_size": 8}}]},
            "inputs[0].parameters.binary_data_size",
        ),
        (
            OPEN_INFERENCE,
            {"inputs": v2_inputs([ROW]), "outputs": [{"name": "x"}]},
            "outputs[0].name",
        ),
        (OPEN_INFERENCE, {"inputs": v2_inputs([ROW]), "id": 4}, "id"),
    ],
)
def test_what_a_dialect_cannot_mean_is_refused_by_field(
    codec: Codec, body: object, field: str | None
) -> None:
    error = refused(codec, body)
    assert [item.field for item in error.errors][:1] == ([] if field is None else [field])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"size,age\n1\n", "text/csv"),
        (b"size,size\n1,2\n", "text/csv"),
        (b"size,age,is_member,region\n", "text/csv"),
        (b"size,age,is_member,region\nx,3,true,north\n", "text/csv"),
        (b'size,age,is_member,region\n1,3,true,"north\n', "text/csv"),
        (b"\xff\xfe", "text/csv"),
        (b"PAR1 but not really PAR1", "application/vnd.apache.parquet"),
        (b"", "application/vnd.apache.parquet"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(body: bytes, content_type: str) -> None:
    refused(MLFLOW, body, content_type=content_type)


def test_deeply_nested_bodies_are_refused_without_harm() -> None:
    deep = b"[" * 100_000
    for codec in (PREDICT, OPEN_INFERENCE, MLFLOW):
        refused(codec, b'{"inputs": ' + deep)
    nested: Any = 1.0
    for _ in range(200):
        nested = [nested]
    answer = ask(
        OPEN_INFERENCE, {"inputs": [{**V2, "data": nested}]}, Signature((FIELDS[0],), "regression")
    )
    assert answer.status == 200


def test_raw_bytes_must_be_as_many_as_the_inputs_say() -> None:
    body, json_bytes = v2_binary([ROW])
    for broken in (body + b"x", body[:-1]):
        refused(OPEN_INFERENCE, broken, json_bytes=json_bytes)
    for length in (0, len(body) + 1):
        refused(OPEN_INFERENCE, body, json_bytes=length)


def test_refusals_speak_the_dialect() -> None:
    problem = {"status": 422, "detail": "row 0: no", "code": "x", "title": "y"}
    assert json.loads(PREDICT.refusal(problem).body) == {"error": "row 0: no"}
    assert PREDICT.refusal(problem).status == 400
    assert json.loads(OPEN_INFERENCE.refusal(problem).body) == {"error": "row 0: no"}
    told = MLFLOW.refusal(problem)
    assert json.loads(told.body) == {"error_code": "BAD_REQUEST", "message": "row 0: no"}
    plain = MLFLOW.refusal({**problem, "status": 415})
    assert (plain.status, plain.content_type, plain.body) == (415, "text/plain", b"row 0: no")


def test_metadata_name_types_and_shapes() -> None:
    assert input_metadata(CLASSIFIER)[1] == {"name": "age", "datatype": "INT64", "shape": [-1]}
    assert [one["datatype"] for one in output_metadata(CLASSIFIER)] == ["BYTES", "FP64"]
    assert output_metadata(REGRESSOR) == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/endpoints/e/predict/", (NATIVE, None, "e", None, None)),
        ("/v2/models/e/infer", (OPEN_INFERENCE, None, "e", None, None)),
        ("/v2/models/e/versions/3/infer", (OPEN_INFERENCE, None, "e", 3, None)),
        ("/serve/p/v2/models/e/infer", (OPEN_INFERENCE, "p", "e", None, None)),
        ("/invocations", (MLFLOW, None, "", None, None)),
        ("/serve/p/e/invocations", (MLFLOW, "p", "e", None, None)),
    ],
)
def test_paths_say_dialect_project_endpoint_and_version(
    path: str, expected: tuple[Any, ...]
) -> None:
    assert scoring_address(path) == Address(*expected)


def test_tensorflow_paths_name_versions_and_labels() -> None:
    found = scoring_address("/serve/p/v1/models/e/labels/champion:predict")
    assert found is not None
    assert (found.project, found.endpoint, found.alias) == ("p", "e", "champion")
    assert scoring_address("/v1/models/e/versions/2:classify") is not None


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/endpoints/predict/",
        "/api/v1/endpoints/a/b/predict/",
        "/v1/models/:predict",
        "/v1/models/e:explode",
        "/v1/models/e/versions/x:predict",
        "/v1/models/e/versions/²:predict",
        "/v1/models/e/versions/1/labels/2:predict",
        "/v2/models/e/labels/champion/infer",
        "/v2/models//infer",
        "/serve//e/invocations",
        "/serve/p/a/b/invocations",
        "/serve/p",
        "/invocations/",
        "/",
    ],
)
def test_other_paths_are_no_scoring_addresses(path: str) -> None:
    assert scoring_address(path) is None


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
