"""One prediction request of an admitted caller: answered or refused, counted, offered to shadows.

The fast lane and the documented views both call :func:`respond`, so their answers are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext

from core.errors import DomainError, TooLarge
from serving.admission import Admitted, key_of
from serving.answering import Made, make, make_for_one
from serving.errors import TookTooLong
from serving.failed_requests import note_failure
from serving.limits import limits
from serving.prediction_log.features import FeatureBlock
from serving.protocols import NATIVE, Codec, Envelope, Payload, exchange
from serving.protocols.exchange import failure, refusal
from serving.routing import Key, Route, Routing
from serving.routing.shadowing import Shadowed

logger = logging.getLogger(__name__)

#: Larger bodies take long enough that another thread had better use the time in which Python's lock is free.
_SMALL_BODY_BYTES = 64 * 1024
_NO_TURN = nullcontext()


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
    route, entity_key, traffic = admitted.route, admitted.entity_key, admitted.traffic
    token_prefix = admitted.principal.token_prefix
    made: Made | None = None
    code = ""
    try:
        state.rates.take(token_prefix, route.endpoint_id)
        with state.places:
            envelope = read()
            if admitted.chooses_by_column:
                route, entity_key = _route_by_column(envelope, codec, admitted)
            is_small = len(envelope.body) <= _SMALL_BODY_BYTES
            with state.turn if is_small and route.model.is_quick else _NO_TURN:
                taken = time.perf_counter()
                payload = None
                if is_small and codec is NATIVE and traffic is None and not entity_key:
                    payload = make_for_one(
                        envelope, route, token_prefix, request_id, state.log, taken
                    )
                if payload is None:
                    made = make(
                        *(envelope, codec, route, token_prefix, request_id, state.log),
                        *(entity_key, taken),
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
            token_prefix=token_prefix,
            dialect=codec.name,
            status=payload.status,
            code=code,
            seconds=time.perf_counter() - began,
        )
    state.statistics.record(
        Key(route.endpoint_id, route.deployment_id, codec.name),
        status=payload.status,
        rows=1 if made is None else made.decoded.columns.row_count,
        seconds=time.perf_counter() - began,
        answers=None if made is None or traffic is None else made.labels,
        timed_out=code == TookTooLong.code,
    )
    if made is not None and traffic is not None:
        for shadow in traffic.shadows:
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
                    token_prefix=token_prefix,
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
