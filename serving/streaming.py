"""Predictions as a stream: lines in, lines out, a batch at a time, in the memory of one batch.

Every batch goes through :func:`serving.prediction.respond` as a request of its own: it is logged before its answers
leave, counted, and answered by whatever version is at work at that moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator

import orjson
from django.conf import settings

from core.errors import DomainError
from core.problems import domain_problem, internal_problem
from serving import prediction
from serving.admission import Admitted
from serving.line_reader import LineReader, ReadBytes
from serving.protocols.base import Envelope, Payload
from serving.protocols.lines import LineBatch
from serving.routing import Routing

logger = logging.getLogger(__name__)

#: A batch waits for a free place, instead of refusing a thousand lines: so often, so long in between.
_TRIES = 50
_WAIT_SECONDS = 0.1


def answer_lines(
    read: ReadBytes,
    *,
    admit: Callable[[], Admitted],
    state: Routing,
    request_id: str,
    batch_lines: int,
    threshold: bool | float | None = None,
    explain: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Generator[bytes, None, None]:
    """Yield the answers of one batch of lines after the other, in the order of the lines.

    Parameters
    ----------
    read
        Reads the body.
    admit
        Says who asks and what answers; asked anew for each batch, so that a revoked token or a stopped endpoint
        ends the answers (not the stream: each line is told).
    batch_lines
        So many lines are answered together.
    threshold
        Decide, too: at the usual threshold (True), or at this one.
    explain
        Say why, too: no more lines are then answered together than the model explains at once.
    """
    first_line = 1
    reader = LineReader(read, longest=settings.PREDICT_MAX_LINE_BYTES)

    def next_lines() -> list[bytes | None]:
        most = _together(admit, batch_lines) if explain else batch_lines
        return reader.take(most, most_bytes=settings.PREDICT_MAX_BODY_BYTES)

    while lines := next_lines():
        batch = LineBatch(
            first_line,
            lines,
            longest=settings.PREDICT_MAX_LINE_BYTES,
            threshold=threshold,
            explain=explain,
        )
        if not batch.is_empty:
            try:
                _answer(batch, admit, state, request_id, pause)
            except DomainError as error:
                batch.refuse_rest(domain_problem(error))
            except Exception:
                logger.exception("a stream of predictions failed")
                batch.refuse_rest(internal_problem())
        yield batch.answers()
        first_line += len(lines)


def _together(admit: Callable[[], Admitted], most: int) -> int:
    """Return how many lines are answered together when each is explained."""
    usual: int = min(most, settings.EXPLAIN_MAX_ROWS)
    try:
        explaining = admit().route.model.explaining
        return usual if explaining is None else min(usual, explaining.most_rows)
    except DomainError:  # it is raised again where it is told to the lines
        return usual
    except Exception:
        logger.exception("it is not known how many lines are explained at once")
        return usual


def _answer(
    batch: LineBatch,
    admit: Callable[[], Admitted],
    state: Routing,
    request_id: str,
    pause: Callable[[float], None],
) -> None:
    for left in reversed(range(_TRIES)):
        made: Payload = prediction.respond(
            lambda: Envelope(b""),
            codec=batch,
            admitted=admit(),
            state=state,
            request_id=request_id,
        )
        if made.status == 200:
            return
        problem = orjson.loads(made.body)
        if problem["code"] != "too_many_at_once" or not left:
            batch.refuse_rest(problem)
            return
        pause(_WAIT_SECONDS)
