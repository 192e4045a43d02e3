"""A request that the site can answer right now, for the curl line of the banner."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from django.contrib.auth.models import User

from accounts.models import Project
from accounts.services import create_token
from core.blobs import default_store
from core.clock import now
from mlops_site.supervisor.first_user import ADMIN_NAME, PROJECT_SLUG
from mlops_site.supervisor.home import Home
from models_registry.models import ModelVersion
from serving.models import Deployment, Endpoint

REQUEST_FILE = "example-request.json"
_TOKEN_NAME = "the start-up banner"  # noqa: S105 (a name)
_TOKEN_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """What to ask.

    Parameters
    ----------
    path
        The address below the site's own.
    token
        A fresh token that may read and predict, for a day.
    body_file
        The request's body; None for a plain GET.
    """

    path: str
    token: str
    body_file: Path | None = None

    def curl(self, base_url: str) -> str:
        """Return the call as one line for the shell."""
        words = ["curl", "-s", f'-H "Authorization: Bearer {self.token}"']
        if self.body_file is not None:
            words += ['-H "Content-Type: application/json"', f'-d "@{self.body_file}"']
        return " ".join([*words, base_url + self.path])


def example_call(home: Home) -> ExampleCall:
    """Return a prediction by the first live endpoint, else the list of jobs."""
    deployment = _first_deployment()
    if deployment is None:
        project = Project.objects.get(slug=PROJECT_SLUG)
        return ExampleCall(path="/api/v1/jobs/", token=_token(project))
    instance = _reference_row(deployment.model_version)
    body = orjson.dumps({"instances": [instance]}, option=orjson.OPT_INDENT_2)
    file = home.write_private(REQUEST_FILE, body.decode() + "\n")
    endpoint = deployment.endpoint
    return ExampleCall(
        path=f"/api/v1/endpoints/{endpoint.name}/predict/",
        token=_token(endpoint.project),
        body_file=file,
    )


def _first_deployment() -> Deployment | None:
    return (
        Deployment.objects.filter(
            role=Deployment.Role.CHAMPION,
            ended_at__isnull=True,
            endpoint__status=Endpoint.Status.LIVE,
        )
        .exclude(model_version__reference_digest="")
        .select_related("endpoint__project", "model_version")
        .order_by("pk")
        .first()
    )


def _reference_row(version: ModelVersion) -> dict[str, Any]:
    """Return one row that the model version was trained on, with the inputs that it asks for."""
    import pyarrow.parquet as pq

    names = [field["name"] for field in version.signature["inputs"]]
    rows = io.BytesIO(default_store().read(version.reference_digest))
    table = pq.read_table(rows, columns=names)
    row: dict[str, Any] = table.slice(0, 1).to_pylist()[0]
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def _token(project: Project) -> str:
    user = User.objects.get(username=ADMIN_NAME)
    _, secret = create_token(
        user=user,
        project=project,
        name=_TOKEN_NAME,
        scopes=["read", "predict"],
        expires_at=now() + _TOKEN_LIFE,
    )
    return secret
