"""Log lines: readable in a terminal, JSON where a collector reads them."""

from __future__ import annotations

import logging
from contextvars import ContextVar

import structlog

#: The id of the request that is being answered, for every line that is logged meanwhile.
request_id: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(
    _logger: logging.Logger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    current = request_id.get()
    if current:
        event["request_id"] = current
    return event


def formatter(*, as_json: bool) -> logging.Formatter:
    """Return the formatter of all handlers.

    Parameters
    ----------
    as_json
        One JSON object a line instead of text.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_request_id,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
