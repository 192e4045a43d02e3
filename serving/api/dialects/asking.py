"""Who asks, whom, and how an answer or a refusal leaves: shared by the views of all dialects."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.errors import Unauthenticated
from accounts.policy import Permission
from accounts.principals import Principal, anonymous_principal
from core.errors import DomainError, NotFound, Unsupported
from core.logs import request_id
from serving import prediction
from serving.admission import ENTITY_KEY, MODEL_ALIAS, MODEL_VERSION, addressed, admit
from serving.errors import EndpointUnknown
from serving.protocols import Codec, Envelope, Payload, exchange, scoring_address
from serving.routing import routing
from serving.selectors.deployments import ServedEndpoint, served_endpoints

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def speaks(codec: Codec, *methods: str) -> Callable[[View], View]:
    """Make a function a view that answers these methods and refuses in the words of a dialect.

    No cookie lets anybody in here, so no request of another site can do anything in somebody's name.
    """

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def answered(request: HttpRequest, **parts: Any) -> HttpResponse:
            if request.method not in methods:
                response = json_response({"error": "This method is not allowed here."}, 405)
                response["Allow"] = ", ".join(methods)
                return response
            try:
                return view(request, **parts)
            except DomainError as error:
                return response_of(exchange.refusal(error, codec))
            except Exception:
                logger.exception("a request in the dialect '%s' failed", codec.name)
                return response_of(exchange.failure(codec))

        return csrf_exempt(answered)

    return wrap


def response_of(payload: Payload) -> HttpResponse:
    """Return a payload as Django's response."""
    response = HttpResponse(payload.body, status=payload.status, content_type=payload.content_type)
    for name, value in payload.headers:
        response[name] = value
    response["X-Content-Type-Options"] = "nosniff"
    return response


def scored(request: HttpRequest) -> HttpResponse:
    """Answer a scoring request that the fast lane has passed on.

    Raises
    ------
    DomainError
        It is refused.
    """
    address = scoring_address(request.path)
    if address is None:
        raise NotFound("Nothing answers at this address.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unsupported("Send the body as it is, without a Content-Encoding.", field="body")
    if int(request.headers.get("Content-Length") or 0) > settings.PREDICT_MAX_BODY_BYTES:
        raise prediction.body_too_large()
    json_length = request.headers.get("Inference-Header-Content-Length", "")
    if json_length and not json_length.isdecimal():
        raise Unsupported("The length must be a number.", field="Inference-Header-Content-Length")
    state = routing()
    headers = request.headers
    address = addressed(address, headers.get(MODEL_VERSION), headers.get(MODEL_ALIAS))
    admitted = admit(state, address, secret_of(request), entity_key=headers.get(ENTITY_KEY, ""))
    envelope = Envelope(
        request.body,
        request.headers.get("Content-Type", "").replace(" ", "").lower(),
        int(json_length) if json_length else None,
    )
    return response_of(
        prediction.respond(
            lambda: envelope,
            codec=address.codec,
            admitted=admitted,
            state=state,
            request_id=request_id.get(),
        )
    )


def secret_of(request: HttpRequest) -> str | None:
    """Return the bearer token that was sent, if any."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def may_see(request: HttpRequest, project: str | None) -> tuple[Principal, bool]:
    """Return who asks, and whether only open endpoints may be shown.

    Raises
    ------
    Unauthenticated, NotFound
        There is no good token, and no project is named; the token is another project's.
    """
    secret = secret_of(request)
    if secret is None:
        if project is None:
            raise Unauthenticated("Send an API token: 'Authorization: Bearer …'.")
        return anonymous_principal(0, project), True
    principal = routing().tokens.principal(secret)
    if project is not None and project != principal.project_slug:
        raise NotFound("There is no such project.")
    if not principal.may(Permission.PREDICT):
        principal.require(Permission.VIEW)
    return principal, False


def visible_endpoints(request: HttpRequest, project: str | None) -> list[ServedEndpoint]:
    """Return the endpoints that the caller may ask, by name."""
    principal, is_limited = may_see(request, project)
    return served_endpoints(project_slug=principal.project_slug, only_open=is_limited)


def visible_endpoint(request: HttpRequest, project: str | None, name: str) -> ServedEndpoint:
    """Return an endpoint that the caller may ask.

    Raises
    ------
    EndpointUnknown
        There is none.
    """
    principal, is_limited = may_see(request, project)
    found = served_endpoints(project_slug=principal.project_slug, only_open=is_limited, name=name)
    if not found:
        raise EndpointUnknown(f"There is no endpoint '{name}'.")
    return found[0]


def is_loaded(endpoint: ServedEndpoint) -> bool:
    """Whether this process answers at the endpoint right now."""
    return routing().answers(endpoint.project_id, endpoint.name)


def json_response(content: Any, status: int = 200) -> HttpResponse:
    """Return JSON that every client of the dialects reads."""
    response = JsonResponse(content, status=status, safe=False)
    response["X-Content-Type-Options"] = "nosniff"
    return response
