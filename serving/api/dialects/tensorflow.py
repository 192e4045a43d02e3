"""TensorFlow Serving's status and metadata, and KServe's first protocol."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from core.errors import Unavailable
from models_registry.signatures import Signature
from serving.api.dialects.asking import (
    is_loaded,
    json_response,
    scored,
    speaks,
    visible_endpoint,
    visible_endpoints,
)
from serving.errors import VersionNotServed
from serving.protocols.tensorflow import LABELS, PROBABILITIES, TensorFlow
from serving.selectors.deployments import ServedEndpoint, ServedVersion

_CODEC = TensorFlow("predict")
_DTYPES = {
    "number": "DT_DOUBLE",
    "integer": "DT_INT64",
    "boolean": "DT_BOOL",
    "string": "DT_STRING",
}


@speaks(_CODEC, "POST")
def scoring(request: HttpRequest, **parts: str) -> HttpResponse:
    """Answer ``:predict``, ``:classify`` and ``:regress``."""
    return scored(request)


@speaks(_CODEC, "GET")
def live(request: HttpRequest, project: str) -> HttpResponse:
    """Say that the server runs (KServe)."""
    return json_response({"status": "alive"})


@speaks(_CODEC, "GET")
def models(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """List the models that answer (KServe)."""
    return json_response({"models": [one.name for one in visible_endpoints(request, project)]})


@speaks(_CODEC, "GET")
def status(
    request: HttpRequest,
    name: str,
    project: str | None = None,
    version: str | None = None,
    label: str | None = None,
) -> HttpResponse:
    """Say for each version whether it answers; without a version also, as KServe does, whether the model is ready."""
    endpoint = visible_endpoint(request, project, name)
    chosen = _chosen(endpoint, version, label)
    ready = endpoint.is_live and is_loaded(endpoint)
    content: dict[str, Any] = {
        "model_version_status": [_status_of(one, is_answering=ready) for one in chosen]
    }
    if version is None and label is None:
        content = {"name": endpoint.name, "ready": ready, **content}
    return json_response(content)


@speaks(_CODEC, "GET")
def metadata(
    request: HttpRequest,
    name: str,
    project: str | None = None,
    version: str | None = None,
    label: str | None = None,
) -> HttpResponse:
    """Describe inputs and outputs of a version."""
    endpoint = visible_endpoint(request, project, name)
    chosen = _chosen(endpoint, version, label)
    if not chosen:
        raise Unavailable(f"No version answers at '{name}'.")
    first = chosen[0]
    return json_response(
        {
            "model_spec": {
                "name": endpoint.name,
                "signature_name": "",
                "version": str(first.number),
            },
            "metadata": {"signature_def": {"signature_def": _definitions(first.signature)}},
        }
    )


def _chosen(
    endpoint: ServedEndpoint, version: str | None, label: str | None
) -> list[ServedVersion]:
    found = [
        one
        for one in endpoint.versions
        if version in (None, str(one.number)) and label in (None, one.role)
    ]
    if not found and (version is not None or label is not None):
        raise VersionNotServed(f"Servable not found for request: {endpoint.name}")
    return found


def _status_of(version: ServedVersion, *, is_answering: bool) -> dict[str, Any]:
    if version.problem:
        code, state = "UNKNOWN", "END"
    else:
        code, state = "OK", "AVAILABLE" if is_answering else "LOADING"
    return {
        "version": str(version.number),
        "state": state,
        "status": {"error_code": code, "error_message": version.problem},
    }


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
