"""Logged requests that no model ever answered."""

from __future__ import annotations

from datetime import UTC, datetime

from core.ids import uuid7
from datasets import lake
from serving.prediction_log import LoggedRequest
from serving.selectors.predictions import log_path

PROJECT = 7


def logged_request(
    rows: int = 1,
    *,
    project: int = PROJECT,
    at: datetime | None = None,
    endpoint: int = 3,
    version: int = 5,
) -> LoggedRequest:
    """Return a request of some rows, answered now or at another moment."""
    moment = at or datetime.now(UTC)
    return LoggedRequest(
        project_id=project,
        endpoint_id=endpoint,
        deployment_id=4,
        model_version_id=version,
        request_id="r",
        token_prefix="mls_x",
        at=moment,
        prediction_ids=[str(uuid7(int(moment.timestamp() * 1000))) for _ in range(rows)],
        instances=[{"age": row, "job": "été"} for row in range(rows)],
        predictions=["yes"] * rows,
        probabilities=[[0.25, 0.75]] * rows,
        latency_us=12,
    )


def shipped_ids(project: int = PROJECT) -> list[str]:
    """Return all ids in a project's log, in order; one that is there twice comes twice."""
    rows = lake.read_window(log_path(project), columns=["prediction_id"])
    return [] if rows is None else sorted(rows["prediction_id"].to_pylist())


def ids_of(*requests: LoggedRequest) -> list[str]:
    """Return the ids of requests, in order."""
    return sorted(one for request in requests for one in request.prediction_ids)
