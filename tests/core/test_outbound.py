"""Requests on a user's behalf: where they may go, and where they really go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from core.outbound import (
    AnswerTooLarge,
    Bounds,
    HostNotAllowed,
    HostUnreachable,
    checked_url,
    fetch,
    public_addresses,
)

LOCAL = Bounds(
    max_bytes=100_000, total_seconds=20, wait_seconds=5, private_networks=["127.0.0.0/8"]
)
Resolve = Callable[..., list[Any]]


class Site(BaseHTTPRequestHandler):
    """Answers by path, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []
    where: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        if self.path in self.where:
            self.send_response(302)
            self.send_header("Location", self.where[self.path])
            self.end_headers()
            return
        body = b"x" * 200_000 if self.path == "/large" else b"name\nAda\n"
        self.send_response(404 if self.path == "/absent" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/broken":
            body = body[:3]
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    """The port of a server on this machine."""
    Site.asked.clear()
    Site.where.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The addresses that names resolve to, one after the other; others as they really do."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host not in known:
            return list(real(host, port, *args, **kwargs))
        address = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def test_the_request_goes_to_the_checked_address_under_the_name(
    web: int, names: dict[str, list[str]]
) -> None:
    names["data.example"] = ["127.0.0.1", "127.9.9.9"]  # a second look-up would go elsewhere
    body = b"".join(fetch(f"http://data.example:{web}/a.csv?x=1", bounds=LOCAL))
    assert body == b"name\nAda\n"
    ((path, headers),) = Site.asked
    assert path == "/a.csv?x=1"
    assert headers["Host"] == f"data.example:{web}"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fc00::1]",
        "[::127.0.0.1]",
    ],
)
def test_addresses_that_are_not_public_are_refused_in_every_spelling(host: str, web: int) -> None:
    bounds = Bounds(max_bytes=1000, total_seconds=5)
    with pytest.raises((HostNotAllowed, HostUnreachable)) as refusal:
        list(fetch(f"http://{host}:{web}/", bounds=bounds))
    assert Site.asked == []
    assert isinstance(refusal.value, HostNotAllowed) or host == "[::]"


def test_a_redirect_is_checked_like_the_first_address(
    web: int, names: dict[str, list[str]]
) -> None:
    names["data.example"] = ["127.0.0.1"]
    Site.where = {"/away": "http://169.254.169.254/latest", "/file": "file:///etc/passwd"}
    for path in ("/away", "/file"):
        with pytest.raises(HostNotAllowed):
            list(fetch(f"http://data.example:{web}{path}", bounds=LOCAL))


def test_a_token_stays_with_its_host(web: int, names: dict[str, list[str]]) -> None:
    names["data.example"] = names["other.example"] = ["127.0.0.1"]
    Site.where = {"/here": "/a.csv", "/there": f"http://other.example:{web}/a.csv"}
    sent = {"Authorization": "Bearer secret"}
    for path in ("/here", "/there"):
        list(fetch(f"http://data.example:{web}{path}", bounds=LOCAL, headers=sent))
    assert ["Authorization" in headers for _, headers in Site.asked] == [True, True, True, False]


def test_answers_have_bounds(web: int) -> None:
    with pytest.raises(AnswerTooLarge):
        list(fetch(f"http://127.0.0.1:{web}/large", bounds=LOCAL))
    slow = Bounds(100_000, -1.0, 5, ["127.0.0.0/8"])
    with pytest.raises(AnswerTooLarge):
        list(fetch(f"http://127.0.0.1:{web}/", bounds=slow))
    Site.where = {"/loop": "/loop"}
    for path in ("/loop", "/absent", "/broken"):
        with pytest.raises(HostUnreachable):
            list(fetch(f"http://127.0.0.1:{web}{path}", bounds=LOCAL))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/a",
        "file:///etc/passwd",
        "http:///a",
        "http://user:pw@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org/ a",
        "http://example.org/\r\nHost: x",
        "http://example.org:99999/",
        "http://[::1/",
        "example.org",
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(HostNotAllowed):
        checked_url(url)


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("93.184.215.14", 80)), (2, 1, 6, "", ("10.0.0.7", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(HostNotAllowed):
        public_addresses("data.example", 80)
