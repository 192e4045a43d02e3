"""Asking a codec without a server: two signatures, a row, and a model that depends on every value."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

from models_registry.runtimes import Scores
from models_registry.signatures import Columns, Field, Signature
from serving.prediction_log.scores import write_scores
from serving.protocols import Answered, Codec, Envelope, Origin, Payload
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
    scores = scores_of(decoded.columns)
    return codec.encode(
        decoded,
        Answered(
            origin=Origin("churn", 7, {"id": 1, "model": "m", "number": 7}, signature),
            scores=scores,
            written=write_scores(scores),
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


V2 = {"name": "size", "shape": [1], "datatype": "FP64", "data": [1.0]}
