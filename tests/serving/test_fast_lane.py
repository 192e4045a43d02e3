"""The fast lane: what it answers by itself is what Django would answer; the rest is Django's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Role
from serving import answering, services
from serving.models import Endpoint
from serving.prediction_log import LogUnwritable, SegmentWriter
from serving.routing import routing
from tests.serving.versions import ROW
from tests.serving.wire import URL, Answer, answered, ask_fast_lane, secret_of

Api = Callable[..., APIClient]
GOOD: dict[str, Any] = {"instances": [ROW]}


def without_ids(body: bytes) -> bytes:
    return re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", body)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GOOD).encode(),
        json.dumps({"instances": [ROW, {**ROW, "region": "moon"}]}).encode(),
        b'{"instances": []}',
        b'{"instances": [{"age": "\\u00e9lan"}]}',
        b'{"rows": []}',
        b"[]",
        b"{",
        b"",
    ],
)
def test_fast_lane_and_view_answer_with_the_same_bytes(
    api: Api, churn: Endpoint, body: bytes
) -> None:
    client = api(Role.VIEWER)
    slow = client.post(URL, body, content_type="application/json", HTTP_X_REQUEST_ID="r-1")
    fast = answered(secret_of(client), body, HTTP_X_REQUEST_ID="r-1")
    assert without_ids(fast.body) == without_ids(slow.content)
    assert fast.status == slow.status_code
    for name in ("Content-Type", "Content-Length", "X-Request-ID", "X-Content-Type-Options"):
        assert fast.headers[name] == slow.headers[name]
    assert int(fast.headers["Content-Length"]) == len(fast.body)


def test_refusals_are_the_same_bytes_too(
    api: Api, churn: Endpoint, principal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(client: APIClient) -> Answer:
        fast = answered(secret_of(client), GOOD)
        slow = client.post(URL, GOOD)
        assert (fast.status, fast.body) == (slow.status_code, slow.content)
        assert fast.headers.get("Retry-After") == slow.headers.get("Retry-After")
        return fast

    assert both(api(scopes=["read"])).status == 403
    with monkeypatch.context() as patch:

        def full(self: SegmentWriter, payload: bytes) -> None:
            raise LogUnwritable(retry_after=5)

        patch.setattr(SegmentWriter, "append", full)
        assert both(api()).status == 503
    services.stop_endpoint(principal=principal, endpoint=churn)
    assert both(api()).status == 409
    assert both(api(scopes=["read"])).status == 403


@pytest.mark.parametrize(
    "unusual",
    [
        {"REQUEST_METHOD": "GET"},
        {"REQUEST_METHOD": "OPTIONS"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_TYPE": "application/json; charset=latin-1"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": None},
        {"CONTENT_LENGTH": "-5"},
        {"CONTENT_LENGTH": str(10**12)},
        {"HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": ""},
        {"HTTP_HOST": None},
        {"HTTP_AUTHORIZATION": None},
        {"HTTP_AUTHORIZATION": "Basic eDp5"},
        {"HTTP_AUTHORIZATION": "Bearer mls_nonsense"},
        {"PATH_INFO": "/api/v1/endpoints/unknown/predict/"},
        {"PATH_INFO": "/api/v1/endpoints/a/b/predict/"},
        {"PATH_INFO": "/api/v1/endpoints/predict/"},
        {"PATH_INFO": "/api/v1/endpoints/"},
    ],
)
def test_what_is_unusual_is_left_to_django(
    api: Api, churn: Endpoint, unusual: dict[str, Any]
) -> None:
    passed_on = ask_fast_lane(secret_of(api()), GOOD, **unusual)
    assert isinstance(passed_on, dict)
    assert passed_on["wsgi.input"].tell() == 0


@pytest.mark.parametrize("kind", ["application/json;charset=UTF-8", "Application/JSON"])
def test_json_may_be_spelt_in_several_ways(api: Api, churn: Endpoint, kind: str) -> None:
    assert answered(secret_of(api()), GOOD, CONTENT_TYPE=kind).status == 200


def test_a_body_in_chunks_is_answered(api: Api, churn: Endpoint) -> None:
    chunked: dict[str, Any] = {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert answered(secret_of(api()), GOOD, **chunked).status == 200
    passed_on = ask_fast_lane("mls_nonsense", GOOD, **chunked)
    assert isinstance(passed_on, dict)
    assert json.loads(passed_on["wsgi.input"].read(int(passed_on["CONTENT_LENGTH"]))) == GOOD


def test_chunks_without_end_are_read_up_to_the_limit(
    api: Api, churn: Endpoint, settings: Settings
) -> None:
    settings.PREDICT_MAX_BODY_BYTES = 1000
    endless = io.BytesIO(b" " * 5000)
    passed_on = ask_fast_lane(
        secret_of(api()),
        b"",
        CONTENT_LENGTH=None,
        HTTP_TRANSFER_ENCODING="chunked",
        **cast("dict[str, Any]", {"wsgi.input": endless}),
    )
    assert isinstance(passed_on, dict)
    assert endless.tell() == 1001


def test_where_https_is_asked_for_only_https_is_answered(
    api: Api, churn: Endpoint, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    secret = secret_of(api())
    assert isinstance(ask_fast_lane(secret, GOOD), dict)
    assert answered(secret, GOOD, **{"wsgi.url_scheme": "https"}).status == 200
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert answered(secret, GOOD, HTTP_X_FORWARDED_PROTO="https").status == 200
    assert isinstance(ask_fast_lane(secret, GOOD, HTTP_X_FORWARDED_PROTO="http"), dict)


@pytest.mark.parametrize(("offered", "is_kept"), [("abc-1", True), ("a b\r\nX: y", False)])
def test_the_request_id_of_the_caller_comes_back_when_it_is_harmless(
    api: Api, churn: Endpoint, offered: str, is_kept: bool
) -> None:
    answer = answered(secret_of(api()), GOOD, HTTP_X_REQUEST_ID=offered)
    assert (answer.headers["X-Request-ID"] == offered) is is_kept
    assert len(answer.headers["X-Request-ID"]) >= 5


def test_who_may_ask(api: Api, churn: Endpoint, client: Client) -> None:
    assert api(Role.VIEWER, scopes=["predict"]).post(URL, GOOD).status_code == 200
    assert api(Role.ADMIN, scopes=["read", "write"]).post(URL, GOOD).status_code == 403
    nobody = client.post(URL, GOOD, content_type="application/json")
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_signed_in_person_may_ask_with_a_session(
    churn: Endpoint, client: Client, make_user: Callable[..., Any]
) -> None:
    client.force_login(make_user(Role.VIEWER))
    assert client.post(URL, GOOD, content_type="application/json").status_code == 200
    Membership.objects.all().delete()
    assert client.post(URL, GOOD, content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": "application/json", "HTTP_CONTENT_ENCODING": "gzip"}, 415),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    api: Api, churn: Endpoint, headers: dict[str, Any], status: int
) -> None:
    answer = api().generic("POST", URL, json.dumps(GOOD), **headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused_unread(
    api: Api, churn: Endpoint, settings: Settings
) -> None:
    settings.PREDICT_MAX_BODY_BYTES = 20
    answer = api().post(URL, GOOD)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_no_more_are_answered_at_once_than_allowed(
    api: Api, churn: Endpoint, settings: Settings
) -> None:
    settings.PREDICT_MAX_AT_ONCE = 1
    client = api()
    assert client.post(URL, GOOD).status_code == 200
    with routing().places:
        fast, slow = answered(secret_of(client), GOOD), client.post(URL, GOOD)
    assert (fast.status, fast.headers["Retry-After"]) == (503, "1")
    assert (slow.status_code, slow.headers["Retry-After"]) == (503, "1")
    assert answered(secret_of(client), GOOD).status == 200


def test_a_failure_of_ours_is_told_without_its_cause(
    api: Api, churn: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(answering, "encode_usual", broken)
    answer = answered(secret_of(api()), GOOD)
    assert answer.status == 500
    assert b"a secret" not in answer.body
    monkeypatch.undo()
    assert answered(secret_of(api()), GOOD).status == 200
