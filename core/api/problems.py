"""Whatever an API view raises, as RFC 9457 ``application/problem+json``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from core.errors import DomainError, ErrorKind
from core.problems import CONTENT_TYPE, domain_problem, internal_problem, problem

logger = logging.getLogger(__name__)


def _flatten(detail: Any, path: str = "") -> list[dict[str, str]]:
    """Return DRF's nested validation errors as a list of fields with their complaint."""
    if isinstance(detail, Mapping):
        found: list[dict[str, str]] = []
        for key, value in detail.items():
            inner = _below(path, key)
            found.extend(_flatten(value, inner))
        return found
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        nested = any(isinstance(item, Mapping) for item in detail)
        found = []
        for index, item in enumerate(detail):
            found.extend(_flatten(item, f"{path}[{index}]" if nested else path))
        return found
    return [{"field": path, "detail": str(detail)}]


def _below(path: str, key: Any) -> str:
    """Return the path of one part of a field: ``params.depth``, ``labels[3]``."""
    if key == "non_field_errors":
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


_TITLES: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "The input cannot be read"),
    401: ("unauthenticated", "Authentication is needed"),
    403: ("forbidden", "This is not allowed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "This method is not allowed here"),
    406: ("not_acceptable", "No acceptable representation"),
    413: ("too_large", "The input is too large"),
    415: ("unsupported_media_type", "This media type is not supported"),
    429: ("too_many", "Too many requests"),
}


def _api_problem(error: exceptions.APIException) -> Response:
    headers: dict[str, str] = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ValidationError):
        complaints = _flatten(error.detail)
        first = complaints[0]
        text = f"{first['field']}: {first['detail']}" if first["field"] else first["detail"]
        body = problem(
            http_status=422,
            code="invalid",
            title="The input is not valid",
            detail=text,
            errors=complaints,
        )
        return Response(body, status=422, headers=headers, content_type=CONTENT_TYPE)
    code, title = _TITLES.get(error.status_code, ("refused", "The request was refused"))
    body = problem(http_status=error.status_code, code=code, title=title, detail=str(error.detail))
    return Response(body, status=error.status_code, headers=headers, content_type=CONTENT_TYPE)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Render every exception of an API view; the text of an unexpected one stays in the log."""
    if isinstance(error, DomainError):
        body = domain_problem(error)
        headers = {}
        if error.kind is ErrorKind.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = "Bearer"
        if error.kind in (ErrorKind.UNAVAILABLE, ErrorKind.TOO_MANY):
            headers["Retry-After"] = str(error.details.get("retry_after", 1))
        return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)
    if isinstance(error, Http404):
        return _api_problem(exceptions.NotFound())
    if isinstance(error, PermissionDenied):
        return _api_problem(exceptions.PermissionDenied())
    if isinstance(error, UnreadablePostError):
        return _api_problem(exceptions.ParseError("The connection ended before the body did."))
    if isinstance(error, exceptions.APIException):
        return _api_problem(error)
    logger.error("an API view failed: %s", type(context.get("view")).__name__, exc_info=error)
    body = internal_problem()
    return Response(body, status=body["status"], content_type=CONTENT_TYPE)
