"""What is shown where no view answered: problem documents below ``/api/``, plain pages elsewhere."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse

from core.problems import CONTENT_TYPE, problem


def _answer(request: HttpRequest, http_status: HTTPStatus, code: str, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        body = problem(http_status=http_status, code=code, title=http_status.phrase, detail=detail)
        return JsonResponse(body, status=http_status, content_type=CONTENT_TYPE)
    return HttpResponse(
        f"{http_status.value} {http_status.phrase}: {detail}\n",
        status=http_status,
        content_type="text/plain; charset=utf-8",
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django refused to read (a foreign Host header, for example)."""
    return _answer(request, HTTPStatus.BAD_REQUEST, "malformed", "The request cannot be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is not allowed."""
    return _answer(request, HTTPStatus.FORBIDDEN, "forbidden", "This is not allowed.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist."""
    return _answer(request, HTTPStatus.NOT_FOUND, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after an unforeseen error; its text stays in the log."""
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong on our side; the log of the server says what.",
    )
