"""What dialects tell about a model besides predictions: its state, its inputs and outputs.

Sources: TensorFlow Serving, "RESTful API" (model status and metadata); Open Inference Protocol, ``inference_rest.md``
(model metadata); Triton's model configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models_registry.signatures import Signature
from serving.protocols import open_inference
from serving.protocols.tensorflow import LABELS, PROBABILITIES

PLATFORM = "scikit-learn"
#: The version of MLflow whose scoring server our MLflow dialect follows.
MLFLOW_VERSION = "3.17.2"
_DTYPES = {
    "number": "DT_DOUBLE",
    "integer": "DT_INT64",
    "boolean": "DT_BOOL",
    "string": "DT_STRING",
}


def tensorflow_status(number: int, *, is_answering: bool, problem: str = "") -> dict[str, Any]:
    """Return the state of one version, in TensorFlow Serving's words."""
    if problem:
        code, state = "UNKNOWN", "END"
    else:
        code, state = "OK", "AVAILABLE" if is_answering else "LOADING"
    return {
        "version": str(number),
        "state": state,
        "status": {"error_code": code, "error_message": problem},
    }


def tensorflow_metadata(name: str, number: int, signature: Signature) -> dict[str, Any]:
    """Return inputs and outputs of a version, in TensorFlow Serving's words."""
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": _definitions(signature)}},
    }


def open_inference_metadata(
    name: str, numbers: Sequence[int], signature: Signature
) -> dict[str, Any]:
    """Return versions, inputs and outputs of a model, in the words of Open Inference."""
    return {
        "name": name,
        "versions": [str(number) for number in numbers],
        "platform": PLATFORM,
        "inputs": open_inference.input_metadata(signature),
        "outputs": open_inference.output_metadata(signature),
    }


def open_inference_config(name: str, runtime: str, signature: Signature) -> dict[str, Any]:
    """Return a model's configuration in the way of Triton."""
    return {
        "name": name,
        "platform": PLATFORM,
        "backend": runtime,
        "max_batch_size": 0,
        "input": [_configured(one) for one in open_inference.input_metadata(signature)],
        "output": [_configured(one) for one in open_inference.output_metadata(signature)],
    }


def _configured(tensor: dict[str, Any]) -> dict[str, Any]:
    datatype = "STRING" if tensor["datatype"] == "BYTES" else tensor["datatype"]
    return {"name": tensor["name"], "data_type": f"TYPE_{datatype}", "dims": tensor["shape"]}


def _definitions(signature: Signature) -> dict[str, Any]:
    inputs = {field.name: _tensor(field.name, _DTYPES[field.type]) for field in signature.inputs}
    found = {LABELS: _definition(inputs, _labels(signature))}
    if signature.classes is not None:
        width = len(signature.classes)
        found[PROBABILITIES] = _definition(
            inputs, _tensor("probabilities", "DT_DOUBLE", ("-1", str(width)))
        )
    return found


def _definition(inputs: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputs": inputs,
        "outputs": {output["name"].removesuffix(":0"): output},
        "method_name": "tensorflow/serving/predict",
    }


def _labels(signature: Signature) -> dict[str, Any]:
    if signature.classes is None:
        return _tensor(signature.output_name, "DT_DOUBLE")
    kinds = {type(label) for label in signature.classes}
    dtype = {bool: "DT_BOOL", int: "DT_INT64"}.get(next(iter(kinds)), "DT_STRING")
    return _tensor(signature.output_name, dtype if len(kinds) == 1 else "DT_STRING")


def _tensor(name: str, dtype: str, sizes: tuple[str, ...] = ("-1",)) -> dict[str, Any]:
    return {
        "dtype": dtype,
        "tensor_shape": {
            "dim": [{"size": size, "name": ""} for size in sizes],
            "unknown_rank": False,
        },
        "name": f"{name}:0",
    }
