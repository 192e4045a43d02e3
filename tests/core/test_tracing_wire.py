"""Spans as a collector gets them: over HTTP, from a process of their own."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).resolve().parents[2]
_ASK = """
from core import tracing
tracing.start("mlops-web")
with tracing.span("POST native predict", kind="server", http__request__method="POST") as span:
    steps = tracing.steps()
    steps.end("predict: decode")
    steps.end("predict: score", mlops__rows=3)
    span.set(http__response__status_code=200)
tracing.stop()
"""


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeping)
        self.got: list[ExportTraceServiceRequest] = []


class _Keeping(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Keep a request for ``/v1/traces``."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        yield collector
        collector.shutdown()
        thread.join()


def test_a_collector_gets_a_prediction_with_its_steps_in_their_order() -> None:
    with collecting() as collector:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        }
        done = subprocess.run(
            [sys.executable, "-c", _ASK], cwd=ROOT, env=environment, capture_output=True, text=True
        )
    assert (done.returncode, done.stderr) == (0, "")
    resources = [one for request in collector.got for one in request.resource_spans]
    names = {
        attribute.value.string_value
        for one in resources
        for attribute in one.resource.attributes
        if attribute.key == "service.name"
    }
    assert names == {"mlops-web"}
    spans = {
        span.name: span for one in resources for scope in one.scope_spans for span in scope.spans
    }
    assert set(spans) == {"POST native predict", "predict: decode", "predict: score"}
    request, decode, score = (
        spans[name] for name in ("POST native predict", "predict: decode", "predict: score")
    )
    assert decode.parent_span_id == score.parent_span_id == request.span_id
    assert decode.trace_id == score.trace_id == request.trace_id
    assert request.start_time_unix_nano <= decode.start_time_unix_nano
    assert decode.end_time_unix_nano == score.start_time_unix_nano
    assert score.end_time_unix_nano <= request.end_time_unix_nano
    assert [(one.key, one.value.int_value) for one in score.attributes] == [("mlops.rows", 3)]
    assert request.kind == request.SPAN_KIND_SERVER
