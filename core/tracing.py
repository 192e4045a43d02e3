"""Spans for OpenTelemetry, where somebody collects them.

Nothing here needs OpenTelemetry: without it, or without a collector, :func:`span` gives one shared span that
keeps nothing. The exporter, the sampler and the names are set by OpenTelemetry's own environment variables
(``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``, …).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

logger = logging.getLogger(__name__)

Value = str | int | float | bool
Kind = Literal["internal", "server", "producer", "consumer"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACE_PARENT = "traceparent"


class Span:
    """What the product tells a span; this one keeps nothing of it."""

    __slots__ = ()

    def set(self, **attributes: Value | None) -> None:
        """Note attributes; a name's ``__`` stands for a dot, None is left out."""

    def rename(self, name: str) -> None:
        """Give a name that was not known at the beginning."""

    def fail(self, reason: str) -> None:
        """Note that what the span stands for went wrong."""


class _Nothing(AbstractContextManager[Span]):
    """The span of a process that nobody traces; entering it costs next to nothing."""

    def __enter__(self) -> Span:
        return _NO_SPAN

    def __exit__(self, *_: object) -> None:
        return None


class _Kept(Span):
    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, **attributes: Value | None) -> None:
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name.replace("__", "."), value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, reason: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, reason))


_NO_SPAN = Span()
_NOTHING = _Nothing()
_provider: TracerProvider | None = None
_tracer: Any = None


def is_asked_for() -> bool:
    """Whether the environment names a collector."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not disabled and any(os.environ.get(name) for name in _ENDPOINTS)


def is_on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def start(process: str) -> None:
    """Send the spans of this process to the collector of the environment, if there is one.

    Parameters
    ----------
    process
        The default of ``service.name``: ``mlops-web``, ``mlops-worker``.
    """
    if _tracer is not None or not is_asked_for():
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logger.warning(
            "a collector is named, but no spans are sent: %s (install opentelemetry-sdk and "
            "opentelemetry-exporter-otlp-proto-http)",
            error,
        )
        return
    os.environ.setdefault("OTEL_SERVICE_NAME", process)
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: TracerProvider | None) -> None:
    """Make spans with a provider from now on; with None, make none."""
    global _provider, _tracer
    _provider = provider
    _tracer = None if provider is None else provider.get_tracer("mlops_site")


def stop() -> None:
    """Send what has not been sent, and make no more spans."""
    provider = _provider
    use(None)
    if provider is not None:
        provider.shutdown()


def span(
    name: str, *, kind: Kind = "internal", parent: str = "", **attributes: Value | None
) -> AbstractContextManager[Span]:
    """Return the span of what is done inside the ``with``.

    Parameters
    ----------
    name
        Few different names, all in all: no ids.
    parent
        The ``traceparent`` that came from outside (W3C Trace Context); empty: the span around this one.
    attributes
        See :meth:`Span.set`.
    """
    if _tracer is None:
        return _NOTHING
    return _kept(name, kind, parent, attributes)


@contextmanager
def _kept(
    name: str, kind: Kind, parent: str, attributes: Mapping[str, Value | None]
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None
    if parent:
        context = TraceContextTextMapPropagator().extract({_TRACE_PARENT: parent})
    with _tracer.start_as_current_span(
        name, context=context, kind=SpanKind[kind.upper()]
    ) as started:
        kept = _Kept(started)
        kept.set(**attributes)
        yield kept


class Steps:
    """Spans of what is done one after the other; each begins where the one before it ended."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = time.time_ns()

    def end(self, name: str, **attributes: Value | None) -> None:
        """End a step, and tell its name and attributes (see :meth:`Span.set`)."""
        span = _tracer.start_span(name, start_time=self._at)
        _Kept(span).set(**attributes)
        self._at = time.time_ns()
        span.end(self._at)


def steps() -> Steps | None:
    """Return what makes spans of the steps of something that is done often; None where nobody traces."""
    return None if _tracer is None else Steps()


def trace_parent() -> str:
    """Return the ``traceparent`` of the span around the caller; empty without one."""
    if _tracer is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_TRACE_PARENT, "")
