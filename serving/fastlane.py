"""The fast lane: prediction requests are answered before Django's handler is asked.

What it answers is the plain case: a ``POST`` to a scoring address of any dialect, with a bearer token (or to an
endpoint that needs none), a body of stated length and a host name that is allowed. Whatever is unusual goes on
to Django, whose views give the same answer more slowly.
"""

from __future__ import annotations

import http
import io
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.http.request import split_domain_port, validate_host

from accounts.errors import Unauthenticated
from core import tracing
from core.errors import DomainError
from core.ids import uuid7_hex
from core.logs import request_id as current_request_id
from core.middleware import acceptable_request_id
from serving import prediction
from serving.admission import Admissions, Asked, Caller, addressed, admit
from serving.errors import EndpointUnknown, VersionNotServed
from serving.limits import limits
from serving.protocols import NATIVE, Address, Codec, Envelope, Payload, exchange, scoring_address
from serving.routing import Routing, routing

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_REASONS = {status.value: f"{status.value} {status.phrase}" for status in http.HTTPStatus}
_MOST_REMEMBERED = 1000
_NO_SPAN: AbstractContextManager[None] = nullcontext()
#: Headers with which the same caller may get something else at the same address.
_TELLING = frozenset(
    {
        "HTTP_CONTENT_ENCODING",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_INFERENCE_HEADER_CONTENT_LENGTH",
        "HTTP_X_MODEL_VERSION",
        "HTTP_X_MODEL_ALIAS",
        "HTTP_X_ENTITY_KEY",
    }
)


class _Plain(NamedTuple):
    """A request of the plain case; without a secret the caller is a stranger."""

    address: Address
    content_type: str
    secret: str | None
    length: int
    json_bytes: int | None


class FastLane:
    """A WSGI application that answers predictions and hands everything else to another one.

    Who was admitted at which address is remembered until the routes and tokens are looked at again.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._hosts: dict[str, bool] = {}
        self._addresses: dict[str, Address] = {}
        self._content_types: dict[str, str] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or pass on."""
        if environ["REQUEST_METHOD"] == "POST":
            answered = self._answer(environ)
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

    def _answer(self, environ: Environ) -> tuple[str, Payload] | None:
        """Return the request's id and answer; None when Django shall answer (the body is unread then)."""
        state = routing()
        memory = state.admissions
        caller: Caller = (
            environ["PATH_INFO"],
            environ.get("HTTP_AUTHORIZATION"),
            environ.get("CONTENT_TYPE"),
            environ.get("HTTP_HOST"),
        )
        asked = None if memory is None else memory.get(caller)
        if asked is None or not _TELLING.isdisjoint(environ):
            return self._answer_unknown(environ, state, memory, caller)
        length: str = environ.get("CONTENT_LENGTH", "")
        most = limits()
        if (
            not length.isdecimal()
            or int(length) > most.body_bytes
            or (most.only_https and not _is_secure(environ))
        ):
            return None
        return _predict(environ, asked, state, _identity(environ), int(length), None)

    def _answer_unknown(
        self, environ: Environ, state: Routing, memory: Admissions | None, caller: Caller
    ) -> tuple[str, Payload] | None:
        """Find out who asks for what, and answer."""
        plain = self._plain(environ)
        if plain is None:
            return None
        address, content_type, secret, length, json_bytes = plain
        version, alias = environ.get("HTTP_X_MODEL_VERSION"), environ.get("HTTP_X_MODEL_ALIAS")
        identity = _identity(environ)
        token = current_request_id.set(identity)
        try:
            if version is not None or alias is not None:
                address = addressed(address, version, alias)
            admitted = admit(
                state, address, secret, entity_key=environ.get("HTTP_X_ENTITY_KEY", "")
            )
        except (Unauthenticated, EndpointUnknown, VersionNotServed, AnyDatabaseError):
            return None
        except DomainError as error:
            return identity, exchange.refusal(error, address.codec)
        except Exception:
            logger.exception("who asks '%s' cannot be found out", address.endpoint)
            return identity, exchange.failure(address.codec)
        finally:
            current_request_id.reset(token)
        asked = Asked(address.codec, content_type, admitted)
        is_same_again = admitted.traffic is None and _TELLING.isdisjoint(environ)
        if is_same_again and memory is not None and len(memory) < _MOST_REMEMBERED:
            memory[caller] = asked
        return _predict(environ, asked, state, identity, length, json_bytes)

    def _plain(self, environ: Environ) -> _Plain | None:
        """Return what a request asks for when nothing about it needs Django."""
        address = self._address(environ["PATH_INFO"])
        if address is None:
            return None
        if "CONTENT_LENGTH" not in environ:
            _state_length(environ)
        content_type = self._content_type(environ.get("CONTENT_TYPE", ""))
        if not (address.codec.accepts(content_type) and self._is_plain(environ)):
            return None
        scheme, _, secret = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        is_bearer = scheme.lower() == "bearer"
        if not is_bearer and (address.codec is NATIVE or "HTTP_AUTHORIZATION" in environ):
            return None
        length = int(environ["CONTENT_LENGTH"])
        json_length: str | None = environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH")
        if length > limits().body_bytes or not (json_length is None or json_length.isdecimal()):
            return None
        return _Plain(
            *(address, content_type, secret.strip() if is_bearer else None, length),
            None if json_length is None else int(json_length),
        )

    def _address(self, path: str) -> Address | None:
        """Return what a path asks for; paths are few and asked often."""
        try:
            return self._addresses[path]
        except KeyError:
            address = scoring_address(path)
            if address is not None and len(self._addresses) < _MOST_REMEMBERED > len(path):
                self._addresses[path] = address
            return address

    def _content_type(self, sent: str) -> str:
        """Return a media type in lower case and without spaces; few are sent, and often."""
        try:
            return self._content_types[sent]
        except KeyError:
            made = sent.replace(" ", "").lower()
            if len(self._content_types) < _MOST_REMEMBERED > len(sent):
                self._content_types[sent] = made
            return made

    def _is_plain(self, environ: Environ) -> bool:
        """Whether nothing about the request needs Django."""
        if "HTTP_CONTENT_ENCODING" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            return False
        if not environ.get("CONTENT_LENGTH", "").isdecimal():
            return False
        if limits().only_https and not _is_secure(environ):
            return False
        host: str = environ.get("HTTP_HOST", "")
        allowed = self._hosts.get(host)
        if allowed is None:
            domain, _ = split_domain_port(host)
            allowed = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
            if len(self._hosts) < _MOST_REMEMBERED:
                self._hosts[host] = allowed
        return allowed


def _predict(
    environ: Environ,
    asked: Asked,
    state: Routing,
    identity: str,
    length: int,
    json_bytes: int | None,
) -> tuple[str, Payload]:
    """Return the request's id and answer."""
    codec, content_type, admitted = asked

    def read() -> Envelope:
        return Envelope(environ["wsgi.input"].read(length), content_type, json_bytes)

    token = current_request_id.set(identity)
    try:
        with _span(codec, environ) if tracing.is_on() else _NO_SPAN as span:
            made = prediction.respond(
                read, codec=codec, admitted=admitted, state=state, request_id=identity
            )
            if span is not None:
                span.set(http__response__status_code=made.status)
    except DomainError as error:
        made = exchange.refusal(error, codec)
    except Exception:
        logger.exception("a prediction by '%s' failed", admitted.route.endpoint_name)
        made = exchange.failure(codec)
    finally:
        current_request_id.reset(token)
    return identity, made


def _span(codec: Codec, environ: Environ) -> AbstractContextManager[tracing.Span]:
    return tracing.span(
        f"POST {codec.name} predict",
        kind="server",
        parent=environ.get("HTTP_TRACEPARENT", ""),
        http__request__method="POST",
    )


def _identity(environ: Environ) -> str:
    """Return the id that the caller offers, when it is harmless, or else a new one."""
    offered = environ.get("HTTP_X_REQUEST_ID")
    return (offered and acceptable_request_id(offered)) or uuid7_hex()


def _state_length(environ: Environ) -> None:
    """Read a body that comes in chunks, and say how long it is: neither Django nor we guess."""
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    body: bytes = environ["wsgi.input"].read(limits().body_bytes + 1)
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
