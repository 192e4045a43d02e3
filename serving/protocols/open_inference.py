"""Open Inference Protocol v2 over REST, as KServe, Triton and MLServer speak it.

Sources: Open Inference Protocol, ``inference_rest.md``; Triton's extension "binary tensor data"; MLServer's
content types ``np``, ``pd``, ``str`` and ``base64``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from core.errors import Invalid
from models_registry.signatures import (
    BodyMalformed,
    Columns,
    Signature,
    columns_from_arrays,
    columns_from_matrix,
)
from serving.prediction_log.features import FeatureBlock
from serving.protocols import tensors
from serving.protocols.base import (
    Answered,
    Decoded,
    Envelope,
    Payload,
    check_row_count,
    client_status,
    read_threshold,
)
from serving.protocols.json_bodies import read_object

LABELS = "predict"
PROBABILITIES = "predict_proba"
PREDICTION_IDS = "prediction_id"
DECISION = "decision"
OUTPUTS = (LABELS, PROBABILITIES, PREDICTION_IDS)
_CONTENT_TYPES = (None, "np", "pd", "str", "base64")
_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}
JSON_BYTES_HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class _Output:
    name: str
    is_binary: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    id: str | None
    outputs: tuple[_Output, ...]
    is_frame: bool


class OpenInference:
    """The codec.

    Inputs are one tensor for each column (shape [n] or [n, 1], named as in the signature) or one tensor of shape
    [n, columns] in the signature's order. Outputs are ``predict`` (classes or values; the one that is given
    when none is asked for), ``predict_proba`` (shape [n, classes]) and ``prediction_id``. The parameter ``threshold`` (true, or a number)
    of the request adds the output ``decision``.
    """

    name = "open_inference"

    def accepts(self, content_type: str) -> bool:
        """Any: Triton's client sends none."""
        return True

    def decode(self, envelope: Envelope, signature: Signature, *, most_rows: int) -> Decoded:
        """Return the rows of a body."""
        document, raw = _split(envelope)
        body = read_object(document, allow_nan=True)
        parameters = _object(body.get("parameters"), "parameters")
        given = body.get("inputs")
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise BodyMalformed("'inputs' must be a list of tensors.", field="inputs")
        arrays: dict[str, npt.NDArray[Any]] = {}
        position = 0
        for index, one in enumerate(given):
            name = one.get("name")
            if not isinstance(name, str) or name in arrays:
                raise BodyMalformed(
                    "Each input needs a name of its own.", field=f"inputs[{index}].name"
                )
            arrays[name], position = _tensor(one, raw, position, f"inputs[{index}]")
        if position != len(raw):
            raise BodyMalformed("There are more bytes than the inputs say.", field="inputs")
        columns = _columns(signature, arrays, most_rows)
        asked = _Asked(
            _identity(body.get("id")),
            _outputs(body.get("outputs"), parameters, signature),
            _content_type(parameters, "parameters") == "pd",
        )
        threshold = read_threshold(parameters.get("threshold"), field="parameters.threshold")
        return Decoded(columns, FeatureBlock.of(columns), asked, threshold=threshold)

    def encode(self, decoded: Decoded, answered: Answered) -> Payload:
        """Return the tensors that were asked for, as JSON and, where wanted, as raw bytes after it."""
        asked: _Asked = decoded.asked
        described: list[dict[str, Any]] = []
        raw: list[bytes] = []
        outputs = asked.outputs
        if answered.ruling is not None:
            outputs = (*outputs, _Output(DECISION, outputs[0].is_binary))
        for output in outputs:
            datatype, array = _values(output.name, answered)
            if asked.is_frame and array.ndim == 1:
                array = array.reshape(-1, 1)
            one: dict[str, Any] = {
                "name": output.name,
                "datatype": datatype,
                "shape": list(array.shape),
            }
            if output.is_binary:
                part = tensors.bytes_of_tensor(datatype, array)
                raw.append(part)
                one["parameters"] = {"binary_data_size": len(part)}
            else:
                one["data"] = array.reshape(-1).tolist()
                if datatype == "BYTES":
                    one["parameters"] = {"content_type": "str"}
            described.append(one)
        content: dict[str, Any] = {
            "model_name": answered.origin.endpoint_name,
            "model_version": str(answered.origin.version_number),
            "outputs": described,
        }
        if asked.id is not None:
            content["id"] = asked.id
        parameters: dict[str, Any] = {"content_type": "pd"} if asked.is_frame else {}
        if answered.ruling is not None:
            parameters["threshold"] = answered.ruling.threshold
        if parameters:
            content["parameters"] = parameters
        document = orjson.dumps(content)
        if not raw:
            return Payload(200, "application/json", document)
        return Payload(
            200,
            "application/octet-stream",
            b"".join([document, *raw]),
            ((JSON_BYTES_HEADER, str(len(document))),),
        )

    def refusal(self, problem: Mapping[str, Any]) -> Payload:
        """Return ``{"error": "…"}``."""
        body = orjson.dumps({"error": problem["detail"]})
        return Payload(client_status(problem["status"]), "application/json", body)


def input_metadata(signature: Signature) -> list[dict[str, Any]]:
    """Return names, data types and shapes of the inputs, one for each column."""
    return [
        {"name": field.name, "datatype": _DATATYPES[field.type], "shape": [-1]}
        for field in signature.inputs
    ]


def output_metadata(signature: Signature) -> list[dict[str, Any]]:
    """Return names, data types and shapes of the outputs."""
    if signature.classes is None:
        return [{"name": LABELS, "datatype": "FP64", "shape": [-1]}]
    datatype, _ = tensors.tensor_of_values(list(signature.classes))
    return [
        {"name": LABELS, "datatype": datatype, "shape": [-1]},
        {"name": PROBABILITIES, "datatype": "FP64", "shape": [-1, len(signature.classes)]},
    ]


def _split(envelope: Envelope) -> tuple[memoryview, memoryview]:
    """Return the JSON part and the raw bytes after it."""
    whole = memoryview(envelope.body)
    if envelope.json_bytes is None:
        return whole, whole[:0]
    if not 0 < envelope.json_bytes <= len(whole):
        raise BodyMalformed("The JSON part is longer than the body.", field=JSON_BYTES_HEADER)
    return whole[: envelope.json_bytes], whole[envelope.json_bytes :]


def _tensor(
    given: Mapping[str, Any], raw: memoryview, position: int, field: str
) -> tuple[npt.NDArray[Any], int]:
    """Return one input, and where the raw bytes of the next one begin."""
    shape = tensors.read_shape(given.get("shape"), field=f"{field}.shape")
    datatype = tensors.check_datatype(given.get("datatype"), field=f"{field}.datatype")
    parameters = _object(given.get("parameters"), f"{field}.parameters")
    size = parameters.get("binary_data_size")
    if size is None:
        if "data" not in given:
            raise BodyMalformed("The input has no data.", field=f"{field}.data")
        array = tensors.tensor_from_json(given["data"], datatype, shape, field=f"{field}.data")
    else:
        if not isinstance(size, int) or size < 0 or position + size > len(raw):
            raise BodyMalformed(
                "The body holds fewer bytes than the input says.",
                field=f"{field}.parameters.binary_data_size",
            )
        part = raw[position : position + size]
        position += size
        array = tensors.tensor_from_bytes(part, datatype, shape, field=field)
    if _content_type(parameters, f"{field}.parameters") == "base64":
        array = tensors.decode_base64(array, field=field)
    return array, position


def _columns(
    signature: Signature, arrays: Mapping[str, npt.NDArray[Any]], most_rows: int
) -> Columns:
    if not arrays:
        raise Invalid("Send at least one input.", field="inputs")
    for array in arrays.values():
        check_row_count(len(array), most_rows, field="inputs")
    if len(arrays) == 1:
        name, only = next(iter(arrays.items()))
        if only.ndim == 2 and (name not in signature.names or len(signature.inputs) > 1):
            return columns_from_matrix(signature, only)
    by_name: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.ndim > 2 or (array.ndim == 2 and array.shape[1] != 1):
            raise Invalid(
                f"The input '{name}' must have the shape [n] or [n, 1], or be the only one.",
                field=f"inputs.{name}",
            )
        by_name[name] = array.reshape(-1)
    return columns_from_arrays(signature, by_name)


def _outputs(
    given: Any, parameters: Mapping[str, Any], signature: Signature
) -> tuple[_Output, ...]:
    everywhere = parameters.get("binary_data_output") is True
    if not given:
        return (_Output(LABELS, everywhere),)
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BodyMalformed("'outputs' must be a list of objects.", field="outputs")
    found: list[_Output] = []
    for index, one in enumerate(given):
        field = f"outputs[{index}]"
        name = one.get("name")
        if name not in OUTPUTS or (name == PROBABILITIES and signature.classes is None):
            known = [one["name"] for one in output_metadata(signature)]
            raise Invalid(
                f"The model has no such output; it has {', '.join([*known, PREDICTION_IDS])}.",
                field=f"{field}.name",
            )
        asked = _object(one.get("parameters"), f"{field}.parameters")
        if "classification" in asked:
            raise Invalid(
                f"Ask for the output '{PROBABILITIES}' instead of a classification.",
                field=f"{field}.parameters.classification",
            )
        found.append(_Output(name, asked.get("binary_data", everywhere) is True))
    return tuple(found)


def _values(name: str, answered: Answered) -> tuple[str, npt.NDArray[Any]]:
    makers: Mapping[str, Callable[[], tuple[str, npt.NDArray[Any]]]] = {
        LABELS: lambda: tensors.tensor_of_values(answered.scores.labels),
        PROBABILITIES: lambda: ("FP64", np.asarray(answered.scores.probabilities)),
        PREDICTION_IDS: lambda: tensors.tensor_of_values(list(answered.prediction_ids)),
        DECISION: lambda: tensors.tensor_of_values(
            [] if answered.ruling is None else answered.ruling.decisions
        ),
    }
    return makers[name]()


def _content_type(parameters: Mapping[str, Any], field: str) -> str | None:
    named = parameters.get("content_type")
    if named not in _CONTENT_TYPES:
        known: Sequence[str] = [str(one) for one in _CONTENT_TYPES if one]
        raise Invalid(
            f"The content type is not known; there are {', '.join(known)}.",
            field=f"{field}.content_type",
        )
    return None if named is None else str(named)


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BodyMalformed("This must be an object.", field=field)
    return value


def _identity(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BodyMalformed("The id must be a text.", field="id")
    return value or None
