"""Open Inference Protocol: health, metadata, repository and statistics."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.errors import Unauthenticated
from accounts.policy import Permission
from core.errors import Invalid, Unavailable
from models_registry.signatures import BodyMalformed
from serving.api.dialects.asking import (
    is_loaded,
    json_response,
    scored,
    secret_of,
    speaks,
    visible_endpoint,
    visible_endpoints,
)
from serving.errors import VersionNotServed
from serving.models import Endpoint
from serving.protocols import OPEN_INFERENCE
from serving.protocols.descriptions import open_inference_config, open_inference_metadata
from serving.protocols.json_bodies import read_object
from serving.routing import routing
from serving.routing.statistics import Counts
from serving.selectors.deployments import ServedEndpoint, ServedVersion

SERVER_NAME = "mlops-site"
EXTENSIONS = ["binary_tensor_data", "model_repository", "statistics"]


@speaks(OPEN_INFERENCE, "POST")
def infer(request: HttpRequest, **parts: str) -> HttpResponse:
    """Answer ``/infer``."""
    return scored(request)


@speaks(OPEN_INFERENCE, "GET")
def server(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """Describe the server."""
    version = settings.SPECTACULAR_SETTINGS["VERSION"]
    return json_response({"name": SERVER_NAME, "version": version, "extensions": EXTENSIONS})


@speaks(OPEN_INFERENCE, "GET")
def live(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """Say that the server runs."""
    return json_response({"live": True})


@speaks(OPEN_INFERENCE, "GET")
def ready(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """Say whether the server can take requests: the database has told it the routes."""
    routing().look()
    return json_response({"ready": True})


@speaks(OPEN_INFERENCE, "GET")
def models(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """List the models that answer."""
    return json_response({"models": [one.name for one in visible_endpoints(request, project)]})


@speaks(OPEN_INFERENCE, "GET")
def metadata(
    request: HttpRequest, name: str, project: str | None = None, version: int | None = None
) -> HttpResponse:
    """Describe a model: its versions, inputs and outputs."""
    endpoint = visible_endpoint(request, project, name)
    chosen = _chosen(endpoint, version)
    numbers = [one.number for one in endpoint.versions]
    return json_response(open_inference_metadata(endpoint.name, numbers, chosen.signature))


@speaks(OPEN_INFERENCE, "GET")
def config(
    request: HttpRequest, name: str, project: str | None = None, version: int | None = None
) -> HttpResponse:
    """Describe a model in the way of Triton's model configuration."""
    endpoint = visible_endpoint(request, project, name)
    chosen = _chosen(endpoint, version)
    return json_response(open_inference_config(endpoint.name, chosen.runtime, chosen.signature))


@speaks(OPEN_INFERENCE, "GET")
def model_ready(
    request: HttpRequest, name: str, project: str | None = None, version: int | None = None
) -> HttpResponse:
    """Say whether a model answers."""
    endpoint = visible_endpoint(request, project, name)
    chosen = _chosen(endpoint, version)
    is_ready = endpoint.is_live and not chosen.problem and is_loaded(endpoint)
    return json_response({"name": name, "ready": is_ready}, status=200 if is_ready else 503)


@speaks(OPEN_INFERENCE, "GET")
def statistics(
    request: HttpRequest,
    project: str | None = None,
    name: str | None = None,
    version: int | None = None,
) -> HttpResponse:
    """Return what this process has answered, per version, in the way of Triton's statistics."""
    endpoints = (
        visible_endpoints(request, project)
        if name is None
        else [visible_endpoint(request, project, name)]
    )
    counted: dict[int, list[Counts]] = {}
    for key, counts in routing().statistics.snapshot().items():
        counted.setdefault(key.deployment_id, []).append(counts)
    rows = [
        _statistics_of(endpoint.name, one, counted.get(one.deployment_id, []))
        for endpoint in endpoints
        for one in endpoint.versions
        if version in (None, one.number)
    ]
    return json_response({"model_stats": rows})


@speaks(OPEN_INFERENCE, "POST")
def repository_index(request: HttpRequest, project: str | None = None) -> HttpResponse:
    """List models and versions with their state; ``{"ready": true}`` keeps to those that answer."""
    only_ready = _body(request).get("ready", False)
    if not isinstance(only_ready, bool):
        raise BodyMalformed("This must be true or false.", field="ready")
    rows = [
        row
        for endpoint in visible_endpoints(request, project)
        for row in _index_rows(endpoint)
        if not only_ready or row["state"] == "READY"
    ]
    return json_response(rows)


@speaks(OPEN_INFERENCE, "POST")
def load(request: HttpRequest, name: str, project: str | None = None) -> HttpResponse:
    """Let an endpoint answer (again)."""
    return _switched(request, name, project, is_live=True)


@speaks(OPEN_INFERENCE, "POST")
def unload(request: HttpRequest, name: str, project: str | None = None) -> HttpResponse:
    """Let an endpoint refuse predictions."""
    return _switched(request, name, project, is_live=False)


def _switched(
    request: HttpRequest, name: str, project: str | None, *, is_live: bool
) -> HttpResponse:
    secret = secret_of(request)
    if secret is None:
        raise Unauthenticated("Send an API token: 'Authorization: Bearer …'.")
    parameters = _body(request).get("parameters", {})
    if not isinstance(parameters, dict) or set(parameters) - {"unload_dependents"}:
        raise Invalid(
            "A model's configuration is not taken from here; promote a version instead.",
            field="parameters",
        )
    principal = routing().tokens.principal(secret)
    visible = visible_endpoint(request, project, name)
    endpoint = Endpoint.objects.get(pk=visible.id)
    if endpoint.is_live != is_live:
        from serving import (
            services,  # loads the lake and what reads it; nothing else here needs them
        )

        switch = services.start_endpoint if is_live else services.stop_endpoint
        switch(principal=principal, endpoint=endpoint)
    else:
        principal.require(Permission.DEPLOY)
    return HttpResponse(b"", content_type="application/json")


def _chosen(endpoint: ServedEndpoint, version: int | None) -> ServedVersion:
    found = [one for one in endpoint.versions if version in (None, one.number)]
    if found:
        return found[0]
    if version is not None:
        raise VersionNotServed(f"Model {endpoint.name} with version v{version} not found")
    raise Unavailable(f"No version answers at '{endpoint.name}'.")


def _statistics_of(name: str, version: ServedVersion, counted: list[Counts]) -> dict[str, Any]:
    answered = sum(one.answered for one in counted)
    return {
        "name": name,
        "version": str(version.number),
        "inference_count": sum(one.rows for one in counted),
        "execution_count": answered,
        "inference_stats": {
            "success": {
                "count": answered,
                "ns": round(sum(one.seconds for one in counted) * 1e9),
            },
            "fail": {
                "count": sum(one.refused for one in counted),
                "ns": round(sum(one.failed_seconds for one in counted) * 1e9),
            },
        },
        "batch_stats": [],
    }


def _index_rows(endpoint: ServedEndpoint) -> list[dict[str, str]]:
    is_answering = endpoint.is_live and is_loaded(endpoint)
    rows = []
    for one in endpoint.versions:
        state, reason = "READY", ""
        if one.problem:
            state, reason = "UNAVAILABLE", one.problem
        elif not endpoint.is_live:
            state, reason = "UNAVAILABLE", "unloaded"
        elif not is_answering:
            state = "LOADING"
        rows.append(
            {"name": endpoint.name, "version": str(one.number), "state": state, "reason": reason}
        )
    return rows


def _body(request: HttpRequest) -> dict[str, Any]:
    return read_object(request.body) if request.body.strip() else {}
