"""What a dialect cannot mean is refused, by field and in the dialect's own form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import DomainError
from core.problems import domain_problem
from models_registry.signatures import Signature
from serving.protocols import MLFLOW, OPEN_INFERENCE, Codec
from tests.serving.dialects import (
    CLASSIFY,
    FIELDS,
    PREDICT,
    REGRESS,
    ROW,
    V2,
    ask,
    v2_binary,
    v2_inputs,
)


def refused(codec: Codec, body: object, **options: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        ask(codec, body, **options)
    document = domain_problem(caught.value)
    assert 400 <= codec.refusal(document).status < 500
    return caught.value


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
