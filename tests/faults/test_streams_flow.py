"""Streams of lines under the real web server: chunks in, answers at once, bounded memory, clients that go away."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest
from django.conf import settings as site
from django.contrib.auth.models import User

from accounts.models import Project, Scope
from accounts.principals import Principal
from accounts.services import create_token
from mlops_site.supervisor import programs
from mlops_site.supervisor.supervision import Supervisor
from serving.models import Endpoint, TrafficMinute
from tests.faults.test_predictions_survive import (  # noqa: F401 (a fixture)
    _free_port,
    supervisor,
)
from tests.serving.conftest import churn  # noqa: F401 (a fixture)
from tests.serving.versions import ROW

pytestmark = [pytest.mark.process, pytest.mark.fault]

_START_SECONDS = 90.0
_MIB = 1024**2
_LINE = json.dumps(ROW).encode() + b"\n"


class Stream:
    """One request whose body is sent in chunks, with no word on how long it will be."""

    def __init__(self, port: int, secret: str, query: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = [
            f"POST /api/v1/endpoints/churn/predict-stream/{query} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {secret}",
            "Content-Type: application/x-ndjson",
            "Transfer-Encoding: chunked",
        ]
        self._socket.sendall("\r\n".join([*head, "", ""]).encode())
        self._received = b""
        self.status = 0

    def send(self, data: bytes) -> None:
        """Send a chunk; wait while the server takes nothing."""
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def send_until_stuck(self, data: bytes, *, most: int, patience_seconds: float) -> int:
        """Send chunks until the server takes no more for a while; return how many bytes it took."""
        self._socket.settimeout(patience_seconds)
        chunk = b"%x\r\n%s\r\n" % (len(data), data)
        sent = 0
        while sent < most:
            view = memoryview(chunk)
            while view:
                try:
                    taken = self._socket.send(view)
                except TimeoutError:
                    return sent
                sent += taken
                view = view[taken:]
        return sent

    def end(self) -> None:
        """Say that the body is whole."""
        self._socket.sendall(b"0\r\n\r\n")

    def close(self) -> None:
        """Go away, whatever the server is at."""
        self._socket.close()

    def head(self) -> int:
        """Read the head of the answer; return its status."""
        head = self._until(b"\r\n\r\n").decode()
        self.status = int(head.split()[1])
        assert self.status != 200 or "transfer-encoding: chunked" in head.lower(), head
        return self.status

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the answers as they come, until the last."""
        if not self.status:
            self.head()
        text = b""
        while size := int(self._until(b"\r\n"), 16):
            while len(self._received) < size + 2:
                self._read()
            text += self._received[:size]
            self._received = self._received[size + 2 :]
            *whole, text = text.split(b"\n")
            yield from map(json.loads, whole)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            self._read()
        found, _, self._received = self._received.partition(mark)
        return found

    def _read(self) -> None:
        more = self._socket.recv(65536)
        assert more, "the server hung up"
        self._received += more


class Web:
    """The web server with an endpoint, and what is seen of it from outside."""

    def __init__(self, supervisor: Supervisor, port: int, secret: str) -> None:  # noqa: F811
        self.supervisor, self.port, self.secret = supervisor, port, secret
        self.pid = 0

    def stream(self, query: str = "") -> Stream:
        """Begin a stream."""
        return Stream(self.port, self.secret, query)

    def answering(self, query: str, body: bytes) -> Stream:
        """Begin a stream and read its first answer; try again while those that were left have its place."""
        made: list[Stream] = []

        def begins() -> bool:
            stream = self.stream(query)
            stream.send(body)
            if stream.head() == 200:
                made.append(stream)
            else:
                stream.close()
            return bool(made)

        assert self.wait_until(begins)
        assert next(made[0].lines())["line"] == 1
        return made[0]

    def is_live(self) -> bool:
        """Whether it answers."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as link:
            try:
                link.request("GET", "/livez", headers={"Host": "localhost"})
                return link.getresponse().status == 200
            except OSError:
                return False

    def memory_bytes(self) -> int:
        """Return the resident memory of the server and its workers."""
        family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        return sum(int(one.memory_info().rss) for one in family)

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Wait until something is the case."""
        return self.supervisor.wait_until(is_so, timeout_seconds=seconds)


@pytest.fixture
def web(
    supervisor: Supervisor,  # noqa: F811
    principal: Principal,
    project: Project,
    churn: Endpoint,  # noqa: F811
) -> Web:
    _, secret = create_token(
        user=User.objects.get(pk=principal.user_id or 0),
        project=project,
        name="streams",
        scopes=[Scope.PREDICT],
    )
    made = Web(supervisor, _free_port(), secret)
    child = supervisor.start(programs.web(host="127.0.0.1", port=made.port))
    assert made.wait_until(made.is_live, _START_SECONDS)
    assert child.pid is not None
    made.pid = child.pid
    return made


def _answered_rows() -> int:
    return sum(TrafficMinute.objects.values_list("rows", flat=True))


def test_an_answer_comes_before_the_next_line_is_sent(web: Web) -> None:
    with closing(web.stream("?batch=1")) as stream:
        answers = stream.lines()
        for number in range(1, 6):
            stream.send(_LINE)
            said = next(answers)
            assert (said["line"], stream.status) == (number, 200)
            assert said["prediction"] in ("no", "yes")
        stream.send(b'{"size": "no number"}\n{"si')
        assert next(answers)["error"]["code"] == "input_refused"
        stream.send(b"ze")
        stream.send(_LINE[5:])
        assert next(answers)["line"] == 7
        stream.end()
        assert list(answers) == []


def test_a_long_stream_is_answered_in_the_memory_of_its_batches(web: Web) -> None:
    before = after_some = 0
    sent = received = 0
    chunk = _LINE * 1000
    with closing(web.stream()) as stream:
        answers = stream.lines()
        for _ in range(400):
            stream.send(chunk)
            sent += len(chunk)
            for _ in range(1000):
                received += 1
                assert next(answers)["line"] == received
            if received == 20_000:
                before = web.memory_bytes()
            after_some = max(after_some, web.memory_bytes() if received % 50_000 == 0 else 0)
        stream.end()
        assert list(answers) == []
    assert sent > 30 * _MIB
    assert after_some - before < 20 * _MIB


def test_a_body_of_stated_length_is_answered_to_its_last_line(web: Web) -> None:
    body = b"\n" + _LINE * 7000 + b"\n\n" + _LINE * 7000 + _LINE.strip()
    headers = {"Authorization": f"Bearer {web.secret}", "Content-Type": "application/x-ndjson"}
    with closing(HTTPConnection("127.0.0.1", web.port, timeout=60)) as link:
        link.request("POST", "/api/v1/endpoints/churn/predict-stream/", body, headers)
        answers = [json.loads(line) for line in link.getresponse().read().splitlines()]
    assert [one["line"] for one in answers] == list(range(1, 14_002))
    assert all("prediction" in one for one in answers)


def test_streams_that_wait_leave_threads_to_everybody_else(web: Web) -> None:
    waiting = [web.answering("?batch=1", _LINE) for _ in range(site.PREDICT_STREAMS_AT_ONCE)]
    with closing(web.stream()) as one_more:
        one_more.end()
        assert one_more.head() == 503
    assert web.is_live()
    for stream in waiting:
        stream.close()
    web.answering("?batch=1", _LINE).close()


def test_a_client_that_reads_nothing_is_not_answered_into_memory(web: Web) -> None:
    with closing(web.stream()) as stream:
        for _ in range(20):
            stream.send(_LINE * 1000)
        before = web.memory_bytes()
        taken = stream.send_until_stuck(_LINE * 1000, most=200 * _MIB, patience_seconds=5)
        assert taken < 100 * _MIB
        assert web.memory_bytes() - before < 80 * _MIB
    assert web.is_live()


def test_a_client_that_goes_away_stops_the_work_and_frees_its_thread(web: Web) -> None:
    for _ in range(2 * site.WEB_THREADS):
        web.answering("?batch=1", _LINE).close()
    web.answering("?batch=1", _LINE * 2000).close()
    assert web.wait_until(web.is_live)
    time.sleep(2 * site.TRAFFIC_FLUSH_SECONDS)
    rows = _answered_rows()
    time.sleep(2 * site.TRAFFIC_FLUSH_SECONDS)
    assert _answered_rows() == rows < 2000
