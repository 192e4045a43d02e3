"""MLflow's scoring server, per endpoint or at the root for the one that the site names; also SageMaker's contract."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from serving.api.dialects.asking import is_loaded, scored, speaks, visible_endpoint
from serving.protocols import MLFLOW
from serving.protocols.descriptions import MLFLOW_VERSION
from serving.selectors.deployments import served_endpoints


@speaks(MLFLOW, "POST")
def invocations(request: HttpRequest, **parts: str) -> HttpResponse:
    """Answer predictions."""
    return scored(request)


@speaks(MLFLOW, "GET")
def ping(request: HttpRequest, project: str | None = None, name: str | None = None) -> HttpResponse:
    """Say whether the endpoint answers: 200, else 404.

    The endpoint that the site names is told of without a token, because load balancers have none.
    """
    if project is None or name is None:
        project, _, name = settings.ROOT_ENDPOINT.partition("/")
        found = served_endpoints(project_slug=project, name=name)
    else:
        found = [visible_endpoint(request, project, name)]
    is_ready = bool(found) and is_loaded(found[0])
    return HttpResponse("\n", status=200 if is_ready else 404, content_type="application/json")


@speaks(MLFLOW, "GET")
def version(request: HttpRequest, **parts: str) -> HttpResponse:
    """Say which version of MLflow's scoring server this one is like."""
    return HttpResponse(MLFLOW_VERSION, content_type="application/json")
