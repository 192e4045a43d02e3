"""TensorFlow Serving's REST dialect (and KServe's first protocol, which shares its URLs).

Source: TensorFlow Serving, "RESTful API" (tensorflow/serving, ``g3doc/api_rest.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from core.errors import Invalid
from models_registry.signatures import (
    BodyMalformed,
    Columns,
    Signature,
    columns_from_arrays,
    columns_from_records,
    columns_from_rows,
)
from serving.prediction_log.features import FeatureBlock
from serving.protocols.base import (
    Answered,
    Decoded,
    Envelope,
    Payload,
    check_row_count,
    client_status,
)
from serving.protocols.json_bodies import read_object

Verb = Literal["predict", "classify", "regress", "explain"]
_BY_INSTANCE = frozenset({"predict", "explain"})

LABELS = "serving_default"
PROBABILITIES = "predict_proba"
SIGNATURE_NAMES = ("", LABELS, "predict", PROBABILITIES)
"""The signatures that can be named: the predicted classes or values, or a classifier's probabilities."""


@dataclass(frozen=True, slots=True)
class _Asked:
    signature_name: str
    is_columnar: bool


class TensorFlow:
    """The codec of one of the verbs.

    ``explain``, which is KServe's, gives ``predictions`` and ``explanations``.
    ``predict`` gives bare classes or values; with ``"signature_name": "predict_proba"`` a list of probabilities for
    each instance. NaN, which this dialect allows, stands for null.
    """

    name = "tensorflow"

    def __init__(self, verb: Verb) -> None:
        self._verb = verb

    def accepts(self, content_type: str) -> bool:
        """Any: the servers that speak this dialect do not look at the media type."""
        return True

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the rows of a body."""
        body = read_object(envelope.body, allow_nan=True)
        if self._verb not in _BY_INSTANCE:
            return self._decode_examples(body, signature, most_rows)
        _check_keys(body, {"signature_name", "instances", "inputs"})
        if ("instances" in body) == ("inputs" in body):
            raise BodyMalformed("Send exactly one of 'instances' and 'inputs'.", field="instances")
        asked = _Asked(_signature_name(body, signature), "inputs" in body)
        if asked.is_columnar:
            columns, instances = _columnar(signature, body["inputs"], most_rows)
        else:
            columns, instances = _by_row(signature, body["instances"], most_rows, "instances")
        return Decoded(columns, instances, asked, wants_explanations=self._verb == "explain")

    def _decode_examples(
        self, body: dict[str, Any], signature: Signature, most_rows: int
    ) -> Decoded:
        _check_keys(body, {"signature_name", "context", "examples"})
        is_classifier = signature.task == "classification"
        if is_classifier != (self._verb == "classify"):
            kind = "a classifier" if is_classifier else "a regressor"
            raise Invalid(f"The model is {kind}; it cannot {self._verb}.", field="signature_name")
        context = body.get("context", {})
        examples = body.get("examples")
        if not isinstance(context, dict):
            raise BodyMalformed("'context' must be an object.", field="context")
        if not isinstance(examples, list) or not all(isinstance(one, dict) for one in examples):
            raise BodyMalformed("'examples' must be a list of objects.", field="examples")
        check_row_count(len(examples), most_rows, field="examples")
        instances = [{**context, **one} for one in examples]
        return Decoded(columns_from_records(signature, instances), instances)

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Return what the verb and the signature's name ask for."""
        scores = answered.scores
        content: dict[str, Any]
        if self._verb == "regress":
            content = {"results": scores.labels}
        elif self._verb == "classify":
            names = [_text(label) for label in answered.origin.signature.classes or ()]
            assert scores.probabilities is not None
            content = {
                "results": [
                    [list(pair) for pair in zip(names, row, strict=True)]
                    for row in scores.probabilities.tolist()
                ]
            }
        else:
            is_columnar = decoded.asked.is_columnar and self._verb == "predict"
            key = "outputs" if is_columnar else "predictions"
            wants_probabilities = decoded.asked.signature_name == PROBABILITIES
            content = {key: scores.probabilities if wants_probabilities else scores.labels}
        if answered.explained is not None:
            content |= answered.explained.content()
        body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        return Payload(200, "application/json", body)

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Return ``{"error": "…"}``."""
        body = orjson.dumps({"error": problem["detail"]})
        return Payload(client_status(problem["status"]), "application/json", body)


def _text(label: Any) -> str:
    return label if isinstance(label, str) else orjson.dumps(label).decode()


def _check_keys(body: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(body) - known)
    if unknown:
        raise BodyMalformed(f"The key '{unknown[0]}' is not known.", field=unknown[0])


def _signature_name(body: Mapping[str, Any], signature: Signature) -> str:
    named = body.get("signature_name", "")
    if named not in SIGNATURE_NAMES:
        raise Invalid(
            f"There is no signature of this name; there are '{LABELS}' and '{PROBABILITIES}'.",
            field="signature_name",
        )
    if named == PROBABILITIES and signature.task != "classification":
        raise Invalid("A regressor has no probabilities.", field="signature_name")
    return str(named)


def _by_row(
    signature: Signature, rows: Any, most_rows: int, field: str
) -> tuple[Columns, Sequence[Mapping[str, Any]] | FeatureBlock]:
    """Return rows given as objects, as lists in the order of the inputs, or as single values."""
    if not isinstance(rows, list):
        raise BodyMalformed(f"'{field}' must be a list.", field=field)
    check_row_count(len(rows), most_rows, field=field)
    if all(isinstance(row, dict) for row in rows):
        return columns_from_records(signature, rows), rows
    if not any(isinstance(row, dict | list) for row in rows):
        rows = [[row] for row in rows]
    if not all(isinstance(row, list) for row in rows):
        raise BodyMalformed(
            f"All of '{field}' must be of one form: objects, lists, or single values.", field=field
        )
    columns = columns_from_rows(signature, rows)
    return columns, FeatureBlock.of(columns)


def _columnar(
    signature: Signature, inputs: Any, most_rows: int
) -> tuple[Columns, Sequence[Mapping[str, Any]] | FeatureBlock]:
    """Return rows given as one list of values for each input, or as one tensor of rows."""
    if isinstance(inputs, list):
        return _by_row(signature, inputs, most_rows, "inputs")
    if not isinstance(inputs, dict) or not inputs:
        raise BodyMalformed("'inputs' must be a list or an object of lists.", field="inputs")
    columns: dict[str, list[Any]] = {}
    for name, values in inputs.items():
        if not isinstance(values, list):
            raise BodyMalformed(f"'{name}' must be a list of values.", field=f"inputs.{name}")
        columns[name] = [
            value[0] if isinstance(value, list) and len(value) == 1 else value for value in values
        ]
        check_row_count(len(values), most_rows, field="inputs")
    checked = columns_from_arrays(signature, columns)
    return checked, FeatureBlock.of(checked)
