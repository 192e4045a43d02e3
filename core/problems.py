"""Refusals as RFC 9457 problem documents: the one place that knows HTTP statuses, and no web framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import DomainError, ErrorKind

CONTENT_TYPE = "application/problem+json"

HTTP_STATUS: Mapping[ErrorKind, int] = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.UNSUPPORTED: 415,
    ErrorKind.INVALID: 422,
    ErrorKind.TOO_MANY: 429,
    ErrorKind.UNAVAILABLE: 503,
}


def problem(
    *,
    http_status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    **extra: Any,
) -> dict[str, Any]:
    """Return the body of a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:problem:{code}",
        "title": title,
        "status": http_status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = [dict(error) for error in errors]
    body.update(extra)
    return body


def domain_problem(error: DomainError) -> dict[str, Any]:
    """Return the problem document of a refusal."""
    return problem(
        http_status=HTTP_STATUS[error.kind],
        code=error.code,
        title=error.title,
        detail=error.message,
        errors=[{"field": item.field, "detail": item.message} for item in error.errors],
        **error.details,
    )


def internal_problem() -> dict[str, Any]:
    """Return the problem document of a failure on our side, which tells nothing of its cause."""
    return problem(
        http_status=500,
        code="internal_error",
        title="Something went wrong on our side",
        detail="The request could not be carried out; the log of the server says why.",
    )
