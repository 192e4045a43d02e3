"""From the bytes of a request to the bytes of its answer: read, compute, log and write.

Whoever asks is admitted and counted elsewhere (:mod:`serving.prediction`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from core import tracing
from core.clock import now
from core.ids import uuid7_texts
from models_registry.decisions import rule_on
from models_registry.signatures import columns_of_one
from serving.errors import TookTooLong
from serving.limits import Limits, limits
from serving.prediction_log import LoggedRequest, encode_request
from serving.prediction_log.records import encode_usual
from serving.prediction_log.scores import WrittenScores, write_scores
from serving.protocols import NATIVE, Answered, Codec, Decoded, Envelope, Payload
from serving.protocols.exchange import read_rows, write_answer
from serving.routing import Route
from serving.routing.explaining import explained


class Log(Protocol):
    """Where answers are written before they leave."""

    def append(self, payload: bytes) -> None:
        """Keep one record, or raise a refusal."""


class Made(NamedTuple):
    """An answer, and what shadows and counters need to know of it."""

    payload: Payload
    decoded: Decoded
    labels: Sequence[Any]
    prediction_ids: Sequence[str]
    is_logged: bool


def make(
    envelope: Envelope,
    codec: Codec,
    route: Route,
    token_prefix: str,
    request_id: str,
    log: Log,
    entity_key: str,
    began: float,
) -> Made:
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
    seconds = _seconds_since(began, most)
    ruling = rule_on(decoded.threshold, route.threshold, model.signature, scores)
    answered = Answered(
        *(route.origin, scores, write_scores(scores), uuid7_texts(columns.row_count)),
        *(ruling, why),
    )
    is_logged = route.log_policy.takes()
    if is_logged:
        log.append(_record(decoded, answered, route, token_prefix, request_id, entity_key, seconds))
        if steps is not None:
            steps.end("predict: log")
    payload = write_answer(codec, decoded, answered)
    if steps is not None:
        steps.end("predict: encode")
    return Made(payload, decoded, scores.labels, answered.prediction_ids, is_logged)


def _record(
    decoded: Decoded,
    answered: Answered,
    route: Route,
    token_prefix: str,
    request_id: str,
    entity_key: str,
    seconds: float,
) -> bytes:
    """Return what the log keeps of an answer."""
    policy, ruling, written = route.log_policy, answered.ruling, answered.written
    instances, body = policy.kept(decoded.given, decoded.columns, decoded.body)
    if body is not None and ruling is None and not (entity_key or route.group):
        return _usual_record(
            *(route, token_prefix, request_id, seconds, answered.prediction_ids, written, body)
        )
    return encode_request(
        LoggedRequest(
            project_id=route.project_id,
            endpoint_id=route.endpoint_id,
            deployment_id=route.deployment_id,
            model_version_id=route.model_version_id,
            request_id=request_id,
            token_prefix=token_prefix,
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


def _usual_record(
    route: Route,
    token_prefix: str,
    request_id: str,
    seconds: float,
    prediction_ids: Sequence[str],
    written: WrittenScores,
    body: bytes,
) -> bytes:
    """Return what the log keeps of an answer that has nothing but what all have."""
    return encode_usual(
        route.log_head,
        request_id=request_id,
        token_prefix=token_prefix,
        at_us=time.time_ns() // 1000,
        latency_us=round(seconds * 1e6),
        prediction_ids=prediction_ids,
        written=written,
        body=body,
    )


def make_for_one(
    envelope: Envelope, route: Route, token_prefix: str, request_id: str, log: Log, began: float
) -> Payload | None:
    """Return the answer to a native request of one row about which nothing is unusual; None for any other.

    It is what :func:`make` would answer and log, without the steps that such a request does not need.
    """
    most = limits()
    if (
        not route.is_plain
        or len(envelope.body) > most.body_bytes
        or not NATIVE.accepts(envelope.content_type)
        or tracing.is_on()
    ):
        return None
    columns = columns_of_one(route.model.signature, envelope.body)
    if columns is None:
        return None
    scores = route.model.runtime.predict(columns)
    seconds = _seconds_since(began, most)
    written = write_scores(scores)
    prediction_ids = uuid7_texts(1)
    if route.log_policy.takes():
        log.append(
            _usual_record(
                *(route, token_prefix, request_id, seconds, prediction_ids, written, envelope.body)
            )
        )
    return NATIVE.plain_answer(route.origin, written, prediction_ids)


def _seconds_since(began: float, most: Limits) -> float:
    """Return how long an answer took.

    Raises
    ------
    TookTooLong
        Too long for it to be given.
    """
    seconds = time.perf_counter() - began
    if 0 < most.seconds < seconds:
        raise TookTooLong(f"The prediction took more than {most.seconds:g} seconds.", retry_after=1)
    return seconds
