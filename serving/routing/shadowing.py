"""Shadows: versions that answer for the log only, after the caller has got an answer, and never in its way."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from core.clock import now
from core.errors import DomainError
from core.ids import uuid7_texts
from serving.prediction_log import LoggedRequest, encode_request
from serving.protocols import Codec, Decoded, Envelope
from serving.routing.routes import Route
from serving.routing.statistics import Key, Statistics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A request that was answered, for a shadow to answer as well.

    Attributes
    ----------
    answered_by, answered_ids
        The route that answered the caller, and the ids of its predictions.
    is_logged
        Whether the caller's answer was kept in the log; the shadow's is kept with it, so that both can be compared.
    """

    route: Route
    answered_by: Route
    envelope: Envelope
    codec: Codec
    decoded: Decoded
    answered_ids: Sequence[str]
    is_logged: bool
    request_id: str
    token_prefix: str
    entity_key: str


class Shadows:
    """A bounded queue and one thread; what does not fit is dropped and counted.

    Parameters
    ----------
    append
        Writes a record into the prediction log.
    has_thread
        Without one, whoever wants the answers calls :meth:`drain`.
    """

    def __init__(
        self, append: Callable[[bytes], None], statistics: Statistics, *, has_thread: bool
    ) -> None:
        self._append = append
        self._statistics = statistics
        self._has_thread = has_thread
        self._mutex = threading.Lock()
        self._arrived = threading.Condition(self._mutex)
        self._queue: deque[Shadowed] = deque()
        self._rows = 0
        self._pid = 0
        self._is_closed = False

    def offer(self, work: Shadowed) -> bool:
        """Take a request if there is room; return whether there was."""
        rows = work.decoded.columns.row_count
        with self._mutex:
            fits: bool = (
                len(self._queue) < settings.SHADOW_QUEUE_REQUESTS
                and self._rows + rows <= settings.SHADOW_QUEUE_ROWS
            )
            if fits:
                self._queue.append(work)
                self._rows += rows
                if self._has_thread and self._pid != os.getpid():
                    self._start()
                self._arrived.notify()
        if not fits:
            self._statistics.drop(_key(work))
        return fits

    def drain(self) -> None:
        """Answer all that waits."""
        while (work := self._take(wait=False)) is not None:
            self._answer(work)

    def close(self) -> None:
        """End the thread; what waits is not answered."""
        with self._mutex:
            self._is_closed = True
            self._arrived.notify_all()

    def _start(self) -> None:
        self._pid = os.getpid()
        threading.Thread(target=self._run, name="shadows", daemon=True).start()

    def _run(self) -> None:
        while (work := self._take(wait=True)) is not None:
            self._answer(work)

    def _take(self, *, wait: bool) -> Shadowed | None:
        with self._mutex:
            while wait and not self._queue and not self._is_closed:
                self._arrived.wait()
            if self._is_closed or not self._queue:
                return None
            work = self._queue.popleft()
            self._rows -= work.decoded.columns.row_count
            return work

    def _answer(self, work: Shadowed) -> None:
        """Answer one request, write it into the log, count it; whatever goes wrong stays here."""
        began = time.perf_counter()
        status, rows, answers = 200, 0, None
        try:
            answers = self._predict_and_log(work, began)
            rows = len(answers)
        except DomainError as error:
            status = 422
            logger.debug("a shadow of '%s' refused: %s", work.route.endpoint_name, error)
        except Exception:
            status = 500
            logger.exception("a shadow of '%s' failed", work.route.endpoint_name)
        self._statistics.record(
            _key(work),
            status=status,
            rows=rows,
            seconds=time.perf_counter() - began,
            answers=answers,
        )

    def _predict_and_log(self, work: Shadowed, began: float) -> Sequence[object]:
        route, decoded = work.route, work.decoded
        signature = route.model.signature
        if signature != work.answered_by.model.signature:
            decoded = work.codec.decode(
                work.envelope, signature, most_rows=settings.PREDICT_MAX_ROWS
            )
        scores = route.model.runtime.predict(decoded.columns)
        if not work.is_logged:
            return scores.labels
        policy = route.log_policy
        instances, body = policy.kept(decoded.given, decoded.columns, decoded.body)
        self._append(
            encode_request(
                LoggedRequest(
                    project_id=route.project_id,
                    endpoint_id=route.endpoint_id,
                    deployment_id=route.deployment_id,
                    model_version_id=route.model_version_id,
                    request_id=work.request_id,
                    token_prefix=work.token_prefix,
                    at=now(),
                    prediction_ids=uuid7_texts(decoded.columns.row_count),
                    instances=instances,
                    body=body,
                    predictions=scores.labels,
                    probabilities=scores.probabilities,
                    role=route.role,
                    latency_us=round((time.perf_counter() - began) * 1e6),
                    group=route.group,
                    entity_key="" if policy.hides_entity else work.entity_key,
                    answered_ids=work.answered_ids,
                )
            )
        )
        return scores.labels


def _key(work: Shadowed) -> Key:
    return Key(work.route.endpoint_id, work.route.deployment_id, work.codec.name)
