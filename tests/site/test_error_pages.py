"""Answers where no view answered."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.django_db


def test_an_unknown_api_address_is_a_problem_document(client: Any) -> None:
    response = client.get("/api/v1/nothing/")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


def test_an_unknown_page_is_a_plain_page(client: Any) -> None:
    response = client.get("/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")


def test_a_foreign_host_is_refused(client: Any) -> None:
    assert client.get("/api/v1/jobs/", headers={"Host": "evil.example"}).status_code == 400


def test_liveness_and_readiness_need_no_token(client: Any) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["checks"]["database"] == "ok"
