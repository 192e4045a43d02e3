"""One prediction request, from the bytes that came in to the bytes that go out.

The fast lane and the documented REST view both call :func:`answer`, so their answers are the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from django.conf import settings

from accounts.policy import Permission
from accounts.principals import Principal
from core.api.problems import CONTENT_TYPE, domain_problem, internal_problem
from core.clock import now
from core.errors import DomainError, ErrorKind, Invalid, TooLarge
from core.ids import uuid7_texts
from models_registry.signatures import columns_from_records, decode_instances
from serving.prediction_log import LoggedRequest, encode_request
from serving.routing.routes import Route

#: No more values that training did not see are listed for one request.
MOST_WARNINGS = 100


class Log(Protocol):
    """Where answers are written before they leave."""

    def append(self, payload: bytes) -> None:
        """Keep one record, or raise a refusal."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer without a transport."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def answer(body: bytes, *, route: Route, principal: Principal, request_id: str, log: Log) -> Answer:
    """Return the answer to a body ``{"instances": [{"feature": value, …}, …]}``.

    Raises
    ------
    DomainError
        The caller may not predict, the body does not fit the signature or the limits, or the answer could
        not be logged.
    """
    began = time.perf_counter()
    principal.require(Permission.PREDICT)
    if len(body) > settings.PREDICT_MAX_BODY_BYTES:
        raise body_too_large()
    instances = decode_instances(body)
    if not instances:
        raise Invalid("Send at least one instance.", field="instances")
    if len(instances) > settings.PREDICT_MAX_ROWS:
        raise TooLarge(
            f"{len(instances):,} instances; at most {settings.PREDICT_MAX_ROWS:,} are answered at once.",
            field="instances",
        )
    columns = columns_from_records(route.model.signature, instances)
    scores = route.model.runtime.predict(columns)
    prediction_ids = uuid7_texts(len(instances))
    log.append(
        encode_request(
            LoggedRequest(
                project_id=route.project_id,
                endpoint_id=route.endpoint_id,
                deployment_id=route.deployment_id,
                model_version_id=route.model_version_id,
                request_id=request_id,
                token_prefix=principal.token_prefix,
                at=now(),
                prediction_ids=prediction_ids,
                instances=instances,
                predictions=scores.labels,
                probabilities=scores.probabilities,
                role=route.role,
                latency_us=round((time.perf_counter() - began) * 1e6),
            )
        )
    )
    content: dict[str, Any] = {"predictions": scores.labels}
    if scores.probabilities is not None:
        content["probabilities"] = scores.probabilities
        content["classes"] = route.model.signature.classes
    content["model_version"] = route.described
    content["endpoint"] = route.endpoint_name
    content["prediction_ids"] = prediction_ids
    if columns.unseen:
        content["warnings"] = _warnings(columns.unseen)
    return Answer(200, "application/json", orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))


def _warnings(unseen: Sequence[tuple[int, str]]) -> list[dict[str, str]]:
    warnings = [
        {"field": f"instances[{row}].{column}", "detail": "training did not see this category"}
        for row, column in unseen[:MOST_WARNINGS]
    ]
    if len(unseen) > MOST_WARNINGS:
        more = f"{len(unseen) - MOST_WARNINGS:,} more values that training did not see"
        warnings.append({"field": "instances", "detail": more})
    return warnings


def refusal(error: DomainError) -> Answer:
    """Return a refusal as a problem document."""
    document = domain_problem(error)
    headers: tuple[tuple[str, str], ...] = ()
    if error.kind in (ErrorKind.UNAVAILABLE, ErrorKind.TOO_MANY):
        headers = (("Retry-After", str(error.details.get("retry_after", 1))),)
    return Answer(document["status"], CONTENT_TYPE, orjson.dumps(document), headers)


def failure() -> Answer:
    """Return what a caller learns of a failure on our side; the log knows more."""
    document = internal_problem()
    return Answer(document["status"], CONTENT_TYPE, orjson.dumps(document))


def body_too_large() -> TooLarge:
    """Return the refusal of a body that is larger than the limit."""
    return TooLarge(
        f"The body is larger than {settings.PREDICT_MAX_BODY_BYTES:,} bytes.", field="body"
    )
