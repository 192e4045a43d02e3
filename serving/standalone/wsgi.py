"""The application as plain WSGI (PEP 3333): no framework at all."""

from __future__ import annotations

import http
from collections.abc import Callable, Iterable
from typing import Any

from serving.protocols import Payload
from serving.standalone.application import Application, Asked

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


def wsgi_application(
    application: Application,
) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """Return a WSGI application."""

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        payload = respond_to(application, environ)
        status = http.HTTPStatus(payload.status)
        start_response(f"{status.value} {status.phrase}", headers_to_send(payload))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else payload.body]

    return answer


def respond_to(application: Application, environ: Environ) -> Payload:
    """Return the answer to a request as WSGI describes it; a body that is too large is not read."""
    path = environ["PATH_INFO"]
    body = _body(environ, application.most_bytes)
    if body is None:
        return application.refuse_size(path)
    return application.respond(Asked(environ["REQUEST_METHOD"], path, body, headers_of(environ)))


def _body(environ: Environ, most_bytes: int) -> bytes | None:
    """Return the body, also one that comes in chunks; None when it is too large."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        length = str(most_bytes + 1)
    elif not length.isdecimal() or int(length) > most_bytes:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    return body if len(body) <= most_bytes else None


def headers_of(environ: Environ) -> dict[str, str]:
    """Return a request's headers by their names in lower case."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers


def headers_to_send(payload: Payload) -> list[tuple[str, str]]:
    """Return the headers of an answer."""
    return [
        ("Content-Type", payload.content_type),
        ("Content-Length", str(len(payload.body))),
        ("X-Content-Type-Options", "nosniff"),
        *payload.headers,
    ]
