"""Spans: none without a collector, and otherwise one trace from a request to its job."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from rest_framework.test import APIClient

from accounts.principals import Principal
from core import tracing
from jobs import services
from jobs.models import Job
from serving.services import create_endpoint
from tests.serving.versions import ROW, promoted
from tests.serving.wire import answered, secret_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> Iterator[Callable[[], dict[str, ReadableSpan]]]:
    """Return a function that tells which spans have ended, by name."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(provider)
    yield lambda: {span.name: span for span in kept.get_finished_spans()}
    tracing.stop()


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def test_without_a_collector_a_span_keeps_nothing() -> None:
    with tracing.span("nothing", kind="server", mlops__rows=1) as span:
        span.set(mlops__rows=2)
        span.fail("no")
        assert type(span) is tracing.Span
    assert tracing.trace_parent() == ""


def test_a_collector_without_the_libraries_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(f"No module named '{name}'")
        return real(name, *others)

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setattr(builtins, "__import__", without)
    with caplog.at_level(logging.WARNING):
        tracing.start("mlops-web")
    assert "install opentelemetry-sdk" in caplog.text
    with tracing.span("x") as span:
        assert type(span) is tracing.Span


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"},
            False,
        ),
    ],
)
def test_the_environment_says_whether_spans_are_sent(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], asked: bool
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tracing.is_asked_for() is asked


def test_a_prediction_is_a_span_with_its_steps_in_the_callers_trace(
    spans: Callable[[], dict[str, ReadableSpan]],
    api: Callable[..., APIClient],
    principal: Principal,
) -> None:
    churn = create_endpoint(principal=principal, name="churn", model=promoted(principal).model)
    answer = answered(secret_of(api()), {"instances": [ROW]}, HTTP_TRACEPARENT=PARENT)
    assert answer.status == 200
    found = spans()
    request = found["POST native predict"]
    assert request.kind is SpanKind.SERVER
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "00f067aa0ba902b7"
    for step in ("decode", "score", "log", "encode"):
        span = found[f"predict: {step}"]
        assert trace_of(span) == TRACE
        assert span.parent is not None
        assert span.parent.span_id == request.context.span_id
    scored = found["predict: score"].attributes
    assert scored is not None
    assert (scored["mlops.endpoint"], scored["mlops.rows"]) == (churn.name, 1)


def test_other_requests_are_named_by_their_route_and_their_job_stays_in_the_trace(
    spans: Callable[[], dict[str, ReadableSpan]],
    api: Callable[..., APIClient],
    principal: Principal,
    run_job: Callable[[Job], Job],
    settings: Any,
) -> None:
    settings.JOB_HANDLERS = {"count_up": "tests.jobs.handlers.count_up"}
    with tracing.span("asked", kind="server", parent=PARENT):
        job = services.enqueue(principal=principal, kind="count_up", arguments={"steps": 1})
    run_job(job)
    api().get(f"/api/v1/jobs/{job.pk}/", headers={"traceparent": PARENT})
    found = spans()
    carried_out = found["job count_up"]
    assert (carried_out.kind, trace_of(carried_out)) == (SpanKind.CONSUMER, TRACE)
    looked = next(span for name, span in found.items() if name.startswith("GET /api/v1/jobs/"))
    assert str(job.pk) not in looked.name
    assert trace_of(looked) == TRACE


def test_a_refused_job_is_a_failed_span(
    spans: Callable[[], dict[str, ReadableSpan]],
    principal: Principal,
    run_job: Callable[[Job], Job],
    settings: Any,
) -> None:
    settings.JOB_HANDLERS = {"refuse": "tests.jobs.handlers.refuse"}
    settings.JOB_FAILURE_HANDLERS = {}
    job = run_job(services.enqueue(principal=principal, kind="refuse", arguments={}))
    span = spans()["job refuse"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == job.error_code != ""
