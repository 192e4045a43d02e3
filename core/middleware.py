"""Middleware: a span and an id for every request, addresses that can be nowhere, and the content security policy."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse

from core import tracing
from core.ids import uuid7_hex
from core.logs import request_id

_SERVER_ERROR = 500
_ACCEPTABLE_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")

_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src {scripts}; font-src 'self' data:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def acceptable_request_id(offered: str) -> str | None:
    """Return the id that a caller offers, when it is harmless."""
    return offered if _ACCEPTABLE_ID.match(offered) else None


class TracingMiddleware:
    """Make a span of each request that Django answers, named by its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = request.method or "?"
        with tracing.span(
            method,
            kind="server",
            parent=request.headers.get("traceparent", ""),
            http__request__method=method,
        ) as span:
            response = self.get_response(request)
            if request.resolver_match is not None:
                route = "/" + request.resolver_match.route
                span.rename(f"{method} {route}")
                span.set(http__route=route)
            span.set(
                http__response__status_code=response.status_code,
                mlops__request_id=response.get("X-Request-ID"),
            )
            if response.status_code >= _SERVER_ERROR:
                span.fail(response.reason_phrase)
        return response


class RequestIdMiddleware:
    """Give each request an id (the caller's, when it is harmless) and return it as a header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identity = acceptable_request_id(request.headers.get("X-Request-ID", "")) or uuid7_hex()
        token = request_id.set(identity)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identity
        return response


class NoNulInPathMiddleware:
    """Answer that nothing is there where an address holds NUL: no name does, and PostgreSQL refuses to be asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info:
            raise Http404
        return self.get_response(request)


class ContentSecurityPolicyMiddleware:
    """Forbid every outside host; the admin alone may evaluate scripts, because Alpine.js must."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        scripts = "'self'"
        if request.path.startswith("/admin/"):
            scripts = "'self' 'unsafe-inline' 'unsafe-eval'"
        elif request.path.startswith("/api/docs"):
            scripts = "'self' 'unsafe-inline'"
        response.setdefault("Content-Security-Policy", _POLICY.format(scripts=scripts))
        return response
