"""TensorFlow Serving's status and metadata, and KServe's first protocol."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from core.errors import Unavailable
from serving.api.dialects.asking import (
    is_loaded,
    json_response,
    scored,
    speaks,
    visible_endpoint,
    visible_endpoints,
)
from serving.errors import VersionNotServed
from serving.protocols.descriptions import tensorflow_metadata, tensorflow_status
from serving.protocols.tensorflow import TensorFlow
from serving.selectors.deployments import ServedEndpoint, ServedVersion

_CODEC = TensorFlow("predict")


@speaks(_CODEC, "POST")
def scoring(request: HttpRequest, **parts: str) -> HttpResponse:
    """Answer ``:predict``, ``:classify``, ``:regress`` and ``:explain``."""
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
    return json_response(tensorflow_metadata(endpoint.name, first.number, first.signature))


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
    return tensorflow_status(version.number, is_answering=is_answering, problem=version.problem)
