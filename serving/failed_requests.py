"""A record of each request that got no prediction, as far as the log has room for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from core.clock import now
from core.errors import DomainError
from serving.prediction_log import FailedRequest, encode_failure
from serving.routing.routes import Route

logger = logging.getLogger(__name__)

#: So many a second are kept by one process: a client gone wild shall not fill the disk with its failures.
MOST_PER_SECOND = 100

_mutex = threading.Lock()
_second = 0
_count = 0


def _has_room(moment: float) -> bool:
    global _second, _count
    with _mutex:
        if int(moment) != _second:
            _second, _count = int(moment), 0
        _count += 1
        return _count <= MOST_PER_SECOND


def note_failure(
    append: Callable[[bytes], None],
    route: Route,
    *,
    request_id: str,
    token_prefix: str,
    dialect: str,
    status: int,
    code: str,
    seconds: float,
) -> None:
    """Keep what is known of a request that failed; when that fails too, the caller's answer stays what it is."""
    if not _has_room(time.monotonic()):
        return
    failure = FailedRequest(
        project_id=route.project_id,
        endpoint_id=route.endpoint_id,
        deployment_id=route.deployment_id,
        model_version_id=route.model_version_id,
        request_id=request_id,
        token_prefix=token_prefix,
        at=now(),
        dialect=dialect,
        status=status,
        code=code,
        latency_us=round(seconds * 1e6),
    )
    try:
        append(encode_failure(failure))
    except DomainError as error:
        logger.warning("a failed request is not in the log: %s", error)
