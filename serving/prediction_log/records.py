"""What is logged of one request, as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from core.clock import micros_of
from serving.prediction_log.blocks import encode_block
from serving.prediction_log.features import FeatureBlock, instances_of
from serving.prediction_log.scores import WrittenScores


class LoggedRequest(NamedTuple):
    """One answered request of n instances.

    Attributes
    ----------
    at
        When it was answered, in UTC, to the microsecond.
    instances
        The n validated instances as they were received: one mapping each, or columns of values; None when they are
        those of ``body``.
    predictions
        n classes or values.
    probabilities
        n lists, one probability for each class; None for a regressor.
    latency_us
        Time from the arrival of the body to this record, in microseconds.
    group
        Name of the A/B group; empty where there is none.
    entity_key
        Whom the caller said that the request is about; empty where it did not.
    answered_ids
        Of a shadow: the n predictions that the caller got in its place.
    body
        A JSON object whose ``instances`` are those above, as it was received. It is written as it is: making
        the text of a thousand instances again costs as much as reading it did.
    decisions, threshold
        n decisions at a threshold; None where none were asked for.
    """

    project_id: int
    endpoint_id: int
    deployment_id: int
    model_version_id: int
    request_id: str
    token_prefix: str
    at: datetime
    prediction_ids: Sequence[str]
    instances: Sequence[Mapping[str, Any]] | FeatureBlock | None
    predictions: Sequence[Any]
    probabilities: Any = None
    role: str = "champion"
    latency_us: int = 0
    group: str = ""
    entity_key: str = ""
    answered_ids: Sequence[str] | None = None
    body: bytes | None = None
    decisions: Sequence[Any] | None = None
    threshold: float | None = None

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """The instances as one mapping each."""
        given = instances_of(self.instances, self.body)
        return given.records() if isinstance(given, FeatureBlock) else given


def record_head(
    *, project_id: int, endpoint_id: int, deployment_id: int, model_version_id: int, role: str
) -> bytes:
    """Return how the records of what one deployment answers begin: in all of them alike."""
    said = {
        "project": project_id,
        "endpoint": endpoint_id,
        "deployment": deployment_id,
        "version": model_version_id,
        "role": role,
    }
    return orjson.dumps(said)[:-1]


def encode_usual(
    head: bytes,
    *,
    request_id: str,
    token_prefix: str,
    at_us: int,
    latency_us: int,
    prediction_ids: Sequence[str],
    written: WrittenScores,
    body: bytes,
) -> bytes:
    """Return the record of a request that has nothing but what all have, as :func:`encode_request` would.

    Parameters
    ----------
    head
        See :func:`record_head`.
    at_us
        When it was answered: microseconds since 1970, UTC.
    body
        The JSON object whose ``instances`` were answered.
    """
    said = {
        "request": request_id,
        "token": token_prefix,
        "at": at_us,
        "us": latency_us,
        "ids": prediction_ids,
    }
    return b'%b,%b,"predictions":%b,"probabilities":%b,"body":%b}' % (
        *(head, orjson.dumps(said)[1:-1]),
        *(written.predictions, written.probabilities or b"null", body),
    )


def encode_request(request: LoggedRequest) -> bytes:
    """Return the record as bytes; probabilities may be a NumPy array of shape (n, classes)."""
    written: dict[str, Any] = {
        "project": request.project_id,
        "endpoint": request.endpoint_id,
        "deployment": request.deployment_id,
        "version": request.model_version_id,
        "request": request.request_id,
        "token": request.token_prefix,
        "at": micros_of(request.at),
        "role": request.role,
        "us": request.latency_us,
        "ids": request.prediction_ids,
        "predictions": request.predictions,
        "probabilities": request.probabilities,
    }
    # What most requests have not:
    if request.group or request.entity_key or request.answered_ids is not None:
        written["group"] = request.group
        written["entity"] = request.entity_key
        written["answered"] = request.answered_ids
    if request.decisions is not None:
        written["decisions"] = request.decisions
        written["threshold"] = request.threshold
    if request.body is not None:
        written["body"] = orjson.Fragment(request.body)
    elif isinstance(request.instances, FeatureBlock):
        return encode_block(written, request.instances)
    else:
        written["instances"] = request.instances
    return orjson.dumps(written, option=orjson.OPT_SERIALIZE_NUMPY)
