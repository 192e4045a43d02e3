"""One prediction request, from the bytes that came in to the bytes that go out.

The fast lane and the documented views both call :func:`answer`, so their answers are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings

from accounts.policy import Permission
from accounts.principals import Principal
from core import tracing
from core.clock import now
from core.errors import DomainError, TooLarge
from core.ids import uuid7_texts
from models_registry.decisions import rule_on
from serving.admission import Admitted, key_of
from serving.errors import TookTooLong
from serving.failed_requests import note_failure
from serving.prediction_log import LoggedRequest, encode_request
from serving.prediction_log.features import FeatureBlock
from serving.protocols import NATIVE, Answered, Codec, Decoded, Envelope, Payload, exchange
from serving.protocols.exchange import failure, read_rows, refusal, write_answer
from serving.routing import Key, Route, Routing
from serving.routing.explaining import explained
from serving.routing.shadowing import Shadowed

logger = logging.getLogger(__name__)

#: Larger bodies take long enough that another thread had better use the time in which Python's lock is free.
_SMALL_BODY_BYTES = 64 * 1024
_NO_TURN = nullcontext()


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
    principal.require(Permission.PREDICT)
    return _make(
        envelope,
        codec=codec,
        route=route,
        principal=principal,
        request_id=request_id,
        log=log,
    ).payload


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer, and what shadows and counters need to know of it."""

    payload: Payload
    decoded: Decoded
    labels: Sequence[Any]
    prediction_ids: list[str]
    is_logged: bool


def _make(
    envelope: Envelope,
    *,
    codec: Codec,
    route: Route,
    principal: Principal,
    request_id: str,
    log: Log,
    entity_key: str = "",
) -> _Made:
    began = time.perf_counter()
    with tracing.span("predict: decode"):
        decoded = read_rows(
            envelope,
            codec,
            route.model.signature,
            most_bytes=settings.PREDICT_MAX_BODY_BYTES,
            most_rows=settings.PREDICT_MAX_ROWS,
            explains=route.model.explaining is not None,
        )
    columns = decoded.columns
    explainer = None
    if decoded.wants_explanations and route.model.explaining is not None:
        explainer = route.model.explaining.ready_for(columns.row_count)
    with tracing.span(
        "predict: score",
        mlops__endpoint=route.endpoint_name,
        mlops__model_version=route.version_number,
        mlops__role=route.role,
        mlops__rows=columns.row_count,
        mlops__request_id=request_id,
    ):
        scores = route.model.runtime.predict(columns)
    why = None
    if explainer is not None:
        with tracing.span("predict: explain"):
            why = explained(explainer, columns, scores.labels)
    limit = settings.PREDICT_TIME_LIMIT_SECONDS
    if 0 < limit < time.perf_counter() - began:
        raise TookTooLong(f"The prediction took more than {limit:g} seconds.", retry_after=1)
    ruling = rule_on(decoded.threshold, route.threshold, route.model.signature, scores)
    prediction_ids = uuid7_texts(columns.row_count)
    policy = route.log_policy
    is_logged = policy.takes()
    if is_logged:
        with tracing.span("predict: log"):
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
                        instances=policy.redacted(decoded.instances),
                        predictions=scores.labels,
                        probabilities=scores.probabilities,
                        role=route.role,
                        latency_us=round((time.perf_counter() - began) * 1e6),
                        group=route.group,
                        entity_key="" if policy.hides_entity else entity_key,
                        decisions=None if ruling is None else ruling.decisions,
                        threshold=None if ruling is None else ruling.threshold,
                        body=None if policy.redaction else decoded.body,
                    )
                )
            )
    with tracing.span("predict: encode"):
        payload = write_answer(
            codec,
            decoded,
            Answered(
                endpoint_name=route.endpoint_name,
                version_number=route.version_number,
                described=route.described,
                signature=route.model.signature,
                scores=scores,
                prediction_ids=prediction_ids,
                ruling=ruling,
                explained=why,
            ),
        )
    return _Made(payload, decoded, scores.labels, prediction_ids, is_logged)


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
    route, entity_key = admitted.route, admitted.entity_key
    made: _Made | None = None
    code = ""
    try:
        state.rates.take(admitted.principal.token_prefix, route.endpoint_id)
        with state.places:
            envelope = read()
            if admitted.chooses_by_column:
                route, entity_key = _route_by_column(envelope, codec, admitted)
            is_quick = route.model.is_quick and len(envelope.body) <= _SMALL_BODY_BYTES
            with state.turn if is_quick else _NO_TURN:
                made = _make(
                    envelope,
                    codec=codec,
                    route=route,
                    principal=admitted.principal,
                    request_id=request_id,
                    log=state.log,
                    entity_key=entity_key,
                )
            payload = made.payload
    except DomainError as error:
        code = error.code
        payload = refusal(error, codec)
    except Exception:
        logger.exception("a prediction by '%s' failed", route.endpoint_name)
        code = "internal_error"
        payload = failure(codec)
    if code:
        note_failure(
            state.log.append,
            route,
            request_id=request_id,
            token_prefix=admitted.principal.token_prefix,
            dialect=codec.name,
            status=payload.status,
            code=code,
            seconds=time.perf_counter() - began,
        )
    state.statistics.record(
        Key(route.endpoint_id, route.deployment_id, codec.name),
        status=payload.status,
        rows=0 if made is None else made.decoded.columns.row_count,
        seconds=time.perf_counter() - began,
        answers=None if made is None or admitted.traffic is None else made.labels,
        timed_out=code == TookTooLong.code,
    )
    if made is not None and admitted.traffic is not None:
        for shadow in admitted.traffic.shadows:
            state.shadows.offer(
                Shadowed(
                    route=shadow,
                    answered_by=route,
                    envelope=envelope,
                    codec=codec,
                    decoded=made.decoded,
                    answered_ids=made.prediction_ids,
                    is_logged=made.is_logged,
                    request_id=request_id,
                    token_prefix=admitted.principal.token_prefix,
                    entity_key=entity_key,
                )
            )
    return payload


def _route_by_column(envelope: Envelope, codec: Codec, admitted: Admitted) -> tuple[Route, str]:
    """Return the route for whom the first instance is about, and the key that says so.

    The instances are read as the usual version takes them; another version reads them again.
    """
    traffic = admitted.traffic
    assert traffic is not None, "only where there is something to choose"
    if not codec.accepts(envelope.content_type):
        return traffic.usual, ""
    signature = traffic.usual.model.signature
    decoded = codec.decode(envelope, signature, most_rows=settings.PREDICT_MAX_ROWS)
    first = decoded.instances
    if isinstance(first, FeatureBlock):
        found = dict(zip(first.names, first.columns, strict=True)).get(
            traffic.entity_column, [None]
        )
        value = found[0]
    else:
        value = first[0].get(traffic.entity_column)
    if value is None:
        return traffic.choose(key_of(admitted.principal)), ""
    key = str(value)
    return traffic.choose(key), key


def body_too_large() -> TooLarge:
    """Return the refusal of a body that is larger than the limit of the settings."""
    return exchange.body_too_large(settings.PREDICT_MAX_BODY_BYTES)
