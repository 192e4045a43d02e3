"""One prediction request, from the bytes that came in to the bytes that go out.

The fast lane and the documented views both call :func:`answer`, so their answers are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import orjson

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
from serving.limits import limits
from serving.prediction_log import LoggedRequest, encode_request
from serving.prediction_log.features import FeatureBlock
from serving.prediction_log.records import encode_usual
from serving.prediction_log.scores import write_scores
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
        envelope, codec, route, principal, request_id, log, "", time.perf_counter()
    ).payload


class _Made(NamedTuple):
    """An answer, and what shadows and counters need to know of it."""

    payload: Payload
    decoded: Decoded
    labels: Sequence[Any]
    prediction_ids: Sequence[str]
    is_logged: bool


def _make(
    envelope: Envelope,
    codec: Codec,
    route: Route,
    principal: Principal,
    request_id: str,
    log: Log,
    entity_key: str,
    began: float,
) -> _Made:
    """Read, compute, log and write; ``began`` is the moment of ``time.perf_counter`` at which the request was taken."""
    model = route.model
    steps = tracing.steps()
    most = limits()
    decoded = read_rows(
        envelope,
        codec,
        model.signature,
        most_bytes=most.body_bytes,
        most_rows=most.rows,
        explains=model.explaining is not None,
    )
    columns = decoded.columns
    explainer = None
    if decoded.wants_explanations and model.explaining is not None:
        explainer = model.explaining.ready_for(columns.row_count)
    if steps is not None:
        steps.end("predict: decode")
    scores = model.runtime.predict(columns)
    if steps is not None:
        steps.end(
            "predict: score",
            mlops__endpoint=route.endpoint_name,
            mlops__model_version=route.version_number,
            mlops__role=route.role,
            mlops__rows=columns.row_count,
            mlops__request_id=request_id,
        )
    why = None
    if explainer is not None:
        why = explained(explainer, columns, scores.labels)
        if steps is not None:
            steps.end("predict: explain")
    seconds = time.perf_counter() - began
    if 0 < most.seconds < seconds:
        raise TookTooLong(f"The prediction took more than {most.seconds:g} seconds.", retry_after=1)
    ruling = rule_on(decoded.threshold, route.threshold, model.signature, scores)
    answered = Answered(
        *(route.origin, scores, write_scores(scores), uuid7_texts(columns.row_count)),
        *(ruling, why),
    )
    is_logged = route.log_policy.takes()
    if is_logged:
        log.append(_record(decoded, answered, route, principal, request_id, entity_key, seconds))
        if steps is not None:
            steps.end("predict: log")
    payload = write_answer(codec, decoded, answered)
    if steps is not None:
        steps.end("predict: encode")
    return _Made(payload, decoded, scores.labels, answered.prediction_ids, is_logged)


def _record(
    decoded: Decoded,
    answered: Answered,
    route: Route,
    principal: Principal,
    request_id: str,
    entity_key: str,
    seconds: float,
) -> bytes:
    """Return what the log keeps of an answer."""
    policy, ruling, written = route.log_policy, answered.ruling, answered.written
    instances, body = policy.kept(decoded.given, decoded.columns, decoded.body)
    if body is not None and ruling is None and not (entity_key or route.group):
        return encode_usual(
            route.log_head,
            request_id=request_id,
            token_prefix=principal.token_prefix,
            at_us=time.time_ns() // 1000,
            latency_us=round(seconds * 1e6),
            prediction_ids=answered.prediction_ids,
            written=written,
            body=body,
        )
    return encode_request(
        LoggedRequest(
            project_id=route.project_id,
            endpoint_id=route.endpoint_id,
            deployment_id=route.deployment_id,
            model_version_id=route.model_version_id,
            request_id=request_id,
            token_prefix=principal.token_prefix,
            at=now(),
            prediction_ids=answered.prediction_ids,
            instances=instances,
            predictions=orjson.Fragment(written.predictions),
            probabilities=(
                None if written.probabilities is None else orjson.Fragment(written.probabilities)
            ),
            role=route.role,
            latency_us=round(seconds * 1e6),
            group=route.group,
            entity_key="" if policy.hides_entity else entity_key,
            body=body,
            decisions=None if ruling is None else ruling.decisions,
            threshold=None if ruling is None else ruling.threshold,
        )
    )


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
                    codec,
                    route,
                    admitted.principal,
                    request_id,
                    state.log,
                    entity_key,
                    time.perf_counter(),
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
    decoded = codec.decode(envelope, signature, most_rows=limits().rows)
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
    return exchange.body_too_large(limits().body_bytes)
