"""Requests that got no prediction: one compact record each, kept apart from the predictions.

What the body held is not kept: nobody has checked it, so nobody knows what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from core.clock import micros_of

_BEGINNING = b'{"failed":1,'


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """One request that was refused, or that failed.

    Attributes
    ----------
    status
        The HTTP status that the caller saw.
    code
        Why, e.g. ``input_refused``; ``internal_error`` when it is our fault.
    """

    project_id: int
    endpoint_id: int
    deployment_id: int
    model_version_id: int
    request_id: str
    token_prefix: str
    at: datetime
    dialect: str
    status: int
    code: str
    latency_us: int


def encode_failure(failure: FailedRequest) -> bytes:
    """Return the record as bytes; its ``failed`` tells it apart from a prediction's."""
    return orjson.dumps(
        {
            "failed": 1,
            "project": failure.project_id,
            "endpoint": failure.endpoint_id,
            "deployment": failure.deployment_id,
            "version": failure.model_version_id,
            "request": failure.request_id,
            "token": failure.token_prefix,
            "at": micros_of(failure.at),
            "dialect": failure.dialect,
            "status": failure.status,
            "code": failure.code,
            "us": failure.latency_us,
        }
    )


def is_failure(payload: bytes) -> bool:
    """Whether a payload begins like such a record."""
    return payload.startswith(_BEGINNING)


def decode_failure(payload: bytes) -> FailedRequest | None:
    """Return the record that :func:`encode_failure` wrote; None when it is something else."""
    if not is_failure(payload):
        return None
    try:
        value = orjson.loads(payload)
        micros = int(value["at"])
        return FailedRequest(
            project_id=int(value["project"]),
            endpoint_id=int(value["endpoint"]),
            deployment_id=int(value["deployment"]),
            model_version_id=int(value["version"]),
            request_id=str(value["request"]),
            token_prefix=str(value["token"]),
            at=datetime.fromtimestamp(micros // 1_000_000, tz=UTC).replace(
                microsecond=micros % 1_000_000
            ),
            dialect=str(value["dialect"]),
            status=int(value["status"]),
            code=str(value["code"]),
            latency_us=int(value["us"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
