"""Refusals on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework import serializers

from core.api.problems import exception_handler
from core.errors import ErrorKind, FieldError, Invalid
from core.problems import HTTP_STATUS, domain_problem

pytestmark = pytest.mark.django_db


def test_every_kind_of_refusal_has_a_status() -> None:
    assert set(HTTP_STATUS) == set(ErrorKind)


def test_a_refusal_names_its_fields() -> None:
    error = Invalid("Two things.", errors=[FieldError("a", "one"), FieldError("b", "two")])
    body = domain_problem(error)
    assert (body["status"], body["code"]) == (422, "invalid")
    assert body["errors"] == [{"field": "a", "detail": "one"}, {"field": "b", "detail": "two"}]


def test_nested_complaints_of_a_serializer_become_paths() -> None:
    error = serializers.ValidationError({"labels": [{}, {"value": ["Missing."]}], "x": ["Bad."]})
    response = exception_handler(error, {})
    assert response is not None
    assert response.data["errors"] == [
        {"field": "labels[1].value", "detail": "Missing."},
        {"field": "x", "detail": "Bad."},
    ]


def test_an_unforeseen_error_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    response = exception_handler(RuntimeError("password=hunter2"), {})
    assert response is not None
    assert response.status_code == 500
    assert "hunter2" not in str(response.data)
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/jobs/nonsense/", 404, "not_found"),
        ("/api/v1/jobs/?page=0", 404, "not_found"),
        ("/api/v1/endpoints/%00/", 404, "not_found"),
        ("/api/v1/endpoints/a%00b/drift-reports/", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_a_problem_document(
    api: Callable[..., Any], path: str, status: int, code: str
) -> None:
    response = api().get(path)
    assert response.status_code == status
    assert response["Content-Type"].startswith("application/problem+json")
    assert response.json()["code"] == code


def test_what_is_no_json_is_malformed(api: Callable[..., Any]) -> None:
    response = api().post("/api/v1/tokens/", data=b'{"a": NaN}', content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "malformed")


def test_each_answer_has_a_request_id_and_a_policy(client: Any) -> None:
    response = client.get("/livez", headers={"X-Request-ID": "my-id"})
    assert response["X-Request-ID"] == "my-id"
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert client.get("/livez", headers={"X-Request-ID": "a\nb" * 50})["X-Request-ID"] != "a"
