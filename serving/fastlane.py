"""The fast lane: prediction requests are answered before Django's handler is asked.

What it answers is the plain case: ``POST /api/v1/endpoints/{name}/predict/`` with a bearer token, a JSON
body of stated length and a host name that is allowed. Whatever is unusual goes on to Django, whose view
gives the same answer more slowly.
"""

from __future__ import annotations

import http
import io
import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.http.request import split_domain_port, validate_host

from accounts.errors import TokenInvalid
from accounts.policy import Permission
from core.errors import DomainError
from core.ids import uuid7
from core.logs import request_id as current_request_id
from core.middleware import acceptable_request_id
from serving import prediction
from serving.errors import EndpointUnknown
from serving.prediction import Answer
from serving.routing import routing

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_PREFIX = "/api/v1/endpoints/"
_SUFFIX = "/predict/"
_JSON = frozenset({"application/json", "application/json;charset=utf-8"})
_REASONS = {status.value: f"{status.value} {status.phrase}" for status in http.HTTPStatus}
_MOST_HOSTS = 1000


class FastLane:
    """A WSGI application that answers predictions and hands everything else to another one."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._hosts: dict[str, bool] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or pass on."""
        path: str = environ["PATH_INFO"]
        if (
            path.endswith(_SUFFIX)
            and path.startswith(_PREFIX)
            and environ["REQUEST_METHOD"] == "POST"
        ):
            if "CONTENT_LENGTH" not in environ:
                _state_length(environ)
            if self._is_plain(environ):
                answered = self._answer(environ, path[len(_PREFIX) : -len(_SUFFIX)])
                if answered is not None:
                    identity, answer = answered
                    headers = [
                        ("Content-Type", answer.content_type),
                        ("Content-Length", str(len(answer.body))),
                        ("X-Request-ID", identity),
                        ("X-Content-Type-Options", "nosniff"),
                        *answer.headers,
                    ]
                    start_response(_REASONS[answer.status], headers)
                    return [answer.body]
        return self._application(environ, start_response)

    def _is_plain(self, environ: Environ) -> bool:
        """Whether nothing about the request needs Django."""
        if environ.get("CONTENT_TYPE", "").replace(" ", "").lower() not in _JSON:
            return False
        if "HTTP_CONTENT_ENCODING" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            return False
        if not environ.get("CONTENT_LENGTH", "").isdecimal():
            return False
        if settings.SECURE_SSL_REDIRECT and not _is_secure(environ):
            return False
        host: str = environ.get("HTTP_HOST", "")
        allowed = self._hosts.get(host)
        if allowed is None:
            domain, _ = split_domain_port(host)
            allowed = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
            if len(self._hosts) < _MOST_HOSTS:
                self._hosts[host] = allowed
        return allowed

    def _answer(self, environ: Environ, name: str) -> tuple[str, Answer] | None:
        """Return the request's id and answer; None when Django shall answer (the body is unread then)."""
        scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        length = int(environ["CONTENT_LENGTH"])
        if scheme.lower() != "bearer" or length > settings.PREDICT_MAX_BODY_BYTES:
            return None
        state = routing()
        identity = acceptable_request_id(environ.get("HTTP_X_REQUEST_ID", "")) or uuid7().hex
        token = current_request_id.set(identity)
        try:
            try:
                principal = state.tokens.principal(secret.strip())
                principal.require(Permission.PREDICT)
                route = state.route(principal.project_id, name)
            except (TokenInvalid, EndpointUnknown, AnyDatabaseError):
                return None
            with state.places:
                body = environ["wsgi.input"].read(length)
                made = prediction.answer(
                    body, route=route, principal=principal, request_id=identity, log=state.log
                )
        except DomainError as error:
            made = prediction.refusal(error)
        except Exception:
            logger.exception("a prediction by '%s' failed", name)
            made = prediction.failure()
        finally:
            current_request_id.reset(token)
        return identity, made


def _state_length(environ: Environ) -> None:
    """Read a body that comes in chunks, and say how long it is: neither Django nor we guess."""
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    body: bytes = environ["wsgi.input"].read(settings.PREDICT_MAX_BODY_BYTES + 1)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    del environ["HTTP_TRANSFER_ENCODING"]


def _is_secure(environ: Environ) -> bool:
    """Whether the caller came by HTTPS, as Django would decide it."""
    if settings.SECURE_PROXY_SSL_HEADER:
        header, secure = settings.SECURE_PROXY_SSL_HEADER
        told: str | None = environ.get(header)
        if told is not None:
            return told.partition(",")[0].strip() == secure
    return bool(environ.get("wsgi.url_scheme") == "https")
