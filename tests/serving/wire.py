"""Asking the fast lane without a server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from rest_framework.test import APIClient

from serving.fastlane import FastLane

URL = "/api/v1/endpoints/churn/predict/"


class Answer:
    """What a WSGI application answered."""

    def __init__(self, status: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.status = int(status[:3])
        self.headers = dict(headers)
        self.body = body

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


def ask_fast_lane(
    secret: str, body: object, url: str = URL, **environ: Any
) -> Answer | dict[str, Any]:
    """Ask the fast lane; when it passes the request on to Django, return what Django would get."""
    passed_on: list[dict[str, Any]] = []
    started: list[Any] = []

    def django(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        passed_on.append(environ)
        return []

    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    plain = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": url,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "HTTP_HOST": "localhost:8000",
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
        "wsgi.input": io.BytesIO(content),
        "wsgi.url_scheme": "http",
        **environ,
    }
    present = {key: value for key, value in plain.items() if value is not None}
    parts = FastLane(django)(present, lambda *args: started.append(args))
    if passed_on:
        return passed_on[0]
    status, headers = started[0][:2]
    return Answer(status, headers, b"".join(parts))


def answered(secret: str, body: object, url: str = URL, **environ: Any) -> Answer:
    """Ask the fast lane, which must answer by itself."""
    answer = ask_fast_lane(secret, body, url, **environ)
    assert isinstance(answer, Answer), "the fast lane left it to Django"
    return answer


def secret_of(client: APIClient) -> str:
    """Return the secret of the client's token."""
    credentials: str = vars(client)["_credentials"]["HTTP_AUTHORIZATION"]
    return credentials.removeprefix("Bearer ")
