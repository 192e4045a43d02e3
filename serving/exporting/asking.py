"""The same rows in every dialect, and how far two answers are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from models_registry.signatures import Columns, decode_instances, encode_instances
from serving.protocols import MLFLOW, NATIVE, OPEN_INFERENCE, Codec
from serving.protocols.open_inference import JSON_BYTES_HEADER
from serving.protocols.tensorflow import TensorFlow

_JSON = {"Content-Type": "application/json"}
_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}
#: Is made anew for each answer.
_NEW_EACH_TIME = frozenset({"prediction_ids"})


@dataclass(frozen=True, slots=True)
class Question:
    """One request.

    Attributes
    ----------
    dialect
        As a person calls it.
    """

    dialect: str
    path: str
    body: bytes
    codec: Codec
    rows: int
    headers: Mapping[str, str] = field(default_factory=lambda: dict(_JSON))


@dataclass(frozen=True, slots=True)
class Apart:
    """How far two JSON answers are apart.

    Attributes
    ----------
    mismatches
        Values other than numbers, keys and lengths that differ.
    largest_difference
        Of two numbers, relative to max(1, |number|); infinite where some are missing.
    """

    mismatches: int
    largest_difference: float


def questions(rows: Columns, name: str) -> list[Question]:
    """Return requests in all dialects for the same rows: classes or values, and probabilities where there are any.

    Parameters
    ----------
    name
        The model's name in addresses.
    """
    has_classes = rows.signature.classes is not None
    found = [_native(rows, name), _open_inference(rows, name)]
    for proba in (False, True) if has_classes else (False,):
        found += [_tensorflow(rows, name, proba=proba), _mlflow(rows, proba=proba)]
    if not rows.signature.text:
        found.append(_open_inference_binary(rows, name))
    return found


def wrong_question(name: str) -> Question:
    """Return a request with a column that no model has."""
    body = orjson.dumps({"instances": [{"no such column \ue000": 1}]})
    return Question("native", f"/api/v1/endpoints/{name}/predict/", body, NATIVE, 1)


def apart(left: bytes, right: bytes) -> Apart:
    """Compare two JSON answers, but for what is made anew each time."""
    return _apart(orjson.loads(left), orjson.loads(right))


def _apart(left: Any, right: Any) -> Apart:
    if isinstance(left, dict) and isinstance(right, dict):
        names = (set(left) | set(right)) - _NEW_EACH_TIME
        parts = [
            _apart(left[name], right[name]) if name in left and name in right else Apart(1, 0.0)
            for name in names
        ]
        return _summed(parts)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return Apart(1, math.inf)
        return _summed([_apart(one, other) for one, other in zip(left, right, strict=True)])
    numbers = [
        one for one in (left, right) if isinstance(one, int | float) and not isinstance(one, bool)
    ]
    if len(numbers) == 2:
        gap = abs(float(left) - float(right)) / max(1.0, abs(float(left)))
        return Apart(0, gap)
    return Apart(0 if type(left) is type(right) and left == right else 1, 0.0)


def _summed(parts: list[Apart]) -> Apart:
    return Apart(
        sum(part.mismatches for part in parts),
        max((part.largest_difference for part in parts), default=0.0),
    )


def _records(rows: Columns) -> list[dict[str, Any]]:
    return decode_instances(encode_instances(rows))


def _native(rows: Columns, name: str) -> Question:
    path = f"/api/v1/endpoints/{name}/predict/"
    return Question("native", path, encode_instances(rows), NATIVE, rows.row_count)


def _tensorflow(rows: Columns, name: str, *, proba: bool) -> Question:
    asked = {"signature_name": "predict_proba"} if proba else {}
    what = "TensorFlow Serving" + (", probabilities" if proba else "")
    path = f"/v1/models/{name}:predict"
    body = orjson.dumps({**asked, "instances": _records(rows)})
    return Question(what, path, body, TensorFlow("predict"), rows.row_count)


def _open_inference(rows: Columns, name: str) -> Question:
    records = _records(rows)
    inputs = [
        {
            "name": one.name,
            "datatype": _DATATYPES[one.type],
            "shape": [rows.row_count],
            "data": [record[one.name] for record in records],
        }
        for one in rows.signature.inputs
    ]
    body = orjson.dumps({"inputs": inputs, "outputs": _outputs(rows)})
    path = f"/v2/models/{name}/infer"
    return Question("Open Inference v2", path, body, OPEN_INFERENCE, rows.row_count)


def _open_inference_binary(rows: Columns, name: str) -> Question:
    """Return the rows as one tensor of raw bytes behind the JSON, as Triton's client sends them."""
    raw = np.ascontiguousarray(rows.numeric, dtype="<f8").tobytes()
    one = {
        "name": "rows",
        "datatype": "FP64",
        "shape": list(rows.numeric.shape),
        "parameters": {"binary_data_size": len(raw)},
    }
    document = orjson.dumps({"inputs": [one], "outputs": _outputs(rows)})
    return Question(
        "Open Inference v2, raw bytes",
        f"/v2/models/{name}/infer",
        document + raw,
        OPEN_INFERENCE,
        rows.row_count,
        {JSON_BYTES_HEADER: str(len(document)), "Content-Type": "application/octet-stream"},
    )


def _outputs(rows: Columns) -> list[dict[str, str]]:
    names = ["predict"] if rows.signature.classes is None else ["predict", "predict_proba"]
    return [{"name": name} for name in names]


def _mlflow(rows: Columns, *, proba: bool) -> Question:
    records = _records(rows)
    names = list(rows.signature.names)
    split = {"columns": names, "data": [[record[name] for name in names] for record in records]}
    asked = {"params": {"predict_method": "predict_proba"}} if proba else {}
    what = "MLflow scoring" + (", probabilities" if proba else "")
    body = orjson.dumps({"dataframe_split": split, **asked})
    return Question(what, "/invocations", body, MLFLOW, rows.row_count)
