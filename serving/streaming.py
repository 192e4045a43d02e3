"""Predictions as a stream: lines in, lines out, a batch at a time, in the memory of one batch.

Every batch goes through :func:`serving.prediction.respond` as a request of its own: it is logged before its answers
leave, counted, and answered by whatever version is at work at that moment.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import orjson
from django.conf import settings

from core.errors import DomainError
from core.problems import domain_problem, internal_problem
from serving import prediction
from serving.admission import Admitted
from serving.protocols.base import Envelope, Payload
from serving.protocols.lines import LineBatch
from serving.routing import Routing

logger = logging.getLogger(__name__)

ReadLine = Callable[[int], bytes]
"""Returns the next line with its end, at most so many bytes of it; nothing at the end of the stream."""

#: A batch waits for a free place, instead of refusing a thousand lines: so often, so long in between.
_TRIES = 50
_WAIT_SECONDS = 0.1


def answer_lines(
    read_line: ReadLine,
    *,
    admit: Callable[[], Admitted],
    state: Routing,
    request_id: str,
    batch_lines: int,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """Yield the answers of one batch of lines after the other, in the order of the lines.

    Parameters
    ----------
    admit
        Says who asks and what answers; asked anew for each batch, so that a revoked token or a stopped endpoint
        ends the answers (not the stream: each line is told).
    batch_lines
        So many lines are answered together.
    """
    first_line = 1
    while lines := _some_lines(read_line, batch_lines):
        batch = LineBatch(first_line, lines, longest=settings.PREDICT_MAX_LINE_BYTES)
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


def _some_lines(read_line: ReadLine, most: int) -> list[bytes | None]:
    """Return the next lines that are not blank; None for one that is too long, which is read past."""
    longest = settings.PREDICT_MAX_LINE_BYTES
    lines: list[bytes | None] = []
    size = 0
    while len(lines) < most and size < settings.PREDICT_MAX_BODY_BYTES:
        line = read_line(longest + 1)
        if not line:
            break
        if len(line) > longest and not line.endswith(b"\n"):
            while (rest := read_line(longest)) and not rest.endswith(b"\n"):
                pass
            lines.append(None)
            continue
        if line.strip():
            lines.append(line)
            size += len(line)
    return lines
