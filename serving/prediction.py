"""One prediction request, from the bytes that came in to the bytes that go out.

The fast lane and the documented views both call :func:`answer`, so their answers are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from django.conf import settings

from accounts.policy import Permission
from accounts.principals import Principal
from core.api.problems import domain_problem, internal_problem
from core.clock import now
from core.errors import DomainError, ErrorKind, TooLarge, Unsupported
from core.ids import uuid7_texts
from serving.admission import Admitted
from serving.prediction_log import LoggedRequest, encode_request
from serving.protocols import NATIVE, Answered, Codec, Envelope, Payload
from serving.routing import Key, Route, Routing

logger = logging.getLogger(__name__)

#: The header that carries the ids of the predictions in dialects whose bodies have no place for them.
IDS_HEADER = "X-Prediction-Ids"
UNSEEN_HEADER = "X-Unseen-Categories"
_MOST_IDS_IN_HEADER = 100


class Log(Protocol):
    """Where answers are written before they leave."""

    def append(self, payload: bytes) -> None:
        """Keep one record, or raise a refusal."""


def answer(
    envelope: Envelope,
    *,
    codec: Codec = NATIVE,
    route: Route,
    principal: Principal,
    request_id: str,
    log: Log,
) -> Payload:
    """Return the answer to a request in one of the dialects.

    Raises
    ------
    DomainError
        The caller may not predict, the body does not fit the signature or the limits, or the answer could
        not be logged.
    """
    began = time.perf_counter()
    principal.require(Permission.PREDICT)
    if not codec.accepts(envelope.content_type):
        raise Unsupported(
            f"The media type '{envelope.content_type or 'none'}' is not read here.",
            field="Content-Type",
        )
    if len(envelope.body) > settings.PREDICT_MAX_BODY_BYTES:
        raise body_too_large()
    decoded = codec.decode(envelope, route.model.signature, most_rows=settings.PREDICT_MAX_ROWS)
    columns = decoded.columns
    scores = route.model.runtime.predict(columns)
    prediction_ids = uuid7_texts(columns.row_count)
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
                instances=decoded.instances,
                predictions=scores.labels,
                probabilities=scores.probabilities,
                role=route.role,
                latency_us=round((time.perf_counter() - began) * 1e6),
            )
        )
    )
    payload = codec.encode(
        decoded,
        Answered(
            endpoint_name=route.endpoint_name,
            version_number=route.version_number,
            described=route.described,
            signature=route.model.signature,
            scores=scores,
            prediction_ids=prediction_ids,
        ),
    )
    payload = replace(payload, rows=columns.row_count)
    if codec is NATIVE:
        return payload
    return _with_headers(payload, prediction_ids, len(columns.unseen))


def respond(
    read: Callable[[], Envelope],
    *,
    codec: Codec,
    admitted: Admitted,
    state: Routing,
    request_id: str,
) -> Payload:
    """Return the answer to an admitted caller, or the refusal in the words of the dialect; count it either way.

    Parameters
    ----------
    read
        Reads the request; called when there is a place for it.
    """
    began = time.perf_counter()
    route = admitted.route
    rows = 0
    try:
        with state.places:
            made = answer(
                read(),
                codec=codec,
                route=route,
                principal=admitted.principal,
                request_id=request_id,
                log=state.log,
            )
            rows = made.rows
    except DomainError as error:
        made = refusal(error, codec)
    except Exception:
        logger.exception("a prediction by '%s' failed", route.endpoint_name)
        made = failure(codec)
    state.statistics.record(
        Key(route.endpoint_id, route.deployment_id, codec.name),
        status=made.status,
        rows=rows,
        seconds=time.perf_counter() - began,
    )
    return made


def _with_headers(payload: Payload, prediction_ids: list[str], unseen: int) -> Payload:
    """Say in headers what the body of a foreign dialect has no place for."""
    headers = list(payload.headers)
    if len(prediction_ids) <= _MOST_IDS_IN_HEADER:
        headers.append((IDS_HEADER, ",".join(prediction_ids)))
    if unseen:
        headers.append((UNSEEN_HEADER, str(unseen)))
    return replace(payload, headers=tuple(headers))


def refusal(error: DomainError, codec: Codec = NATIVE) -> Payload:
    """Return a refusal in the words of a dialect."""
    made = codec.refusal(domain_problem(error))
    headers: list[tuple[str, str]] = list(made.headers)
    if error.kind in (ErrorKind.UNAVAILABLE, ErrorKind.TOO_MANY):
        headers.append(("Retry-After", str(error.details.get("retry_after", 1))))
    if error.kind is ErrorKind.UNAUTHENTICATED:
        headers.append(("WWW-Authenticate", "Bearer"))
    return replace(made, headers=tuple(headers))


def failure(codec: Codec = NATIVE) -> Payload:
    """Return what a caller learns of a failure on our side; the log knows more."""
    return codec.refusal(internal_problem())


def body_too_large() -> TooLarge:
    """Return the refusal of a body that is larger than the limit."""
    return TooLarge(
        f"The body is larger than {settings.PREDICT_MAX_BODY_BYTES:,} bytes.", field="body"
    )
