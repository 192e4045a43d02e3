"""Callers whom the fast lane remembers: asked again at once, and known no longer than until the next look."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import ApiToken
from core.clock import now
from serving import admission, fastlane, services
from serving.models import Endpoint
from serving.routing import Routing, process
from tests.serving.versions import ROW
from tests.serving.wire import Answer, answered, ask_fast_lane, secret_of

Api = Callable[..., APIClient]
GOOD: dict[str, Any] = {"instances": [ROW]}


@pytest.fixture
def state(churn: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Routing]:
    """The state of a process whose threads look so seldom that a test looks itself."""
    made = Routing(tick_seconds=3600.0)
    monkeypatch.setattr(process, "_routing", made)
    assert made.route(churn.project_id, churn.name).is_live  # the model is in memory from now on
    look(made)
    yield made
    made.close()


def look(state: Routing) -> None:
    """Do what a tick does."""
    state._look()


@pytest.fixture
def admitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The endpoints to which somebody was admitted in full."""
    found: list[str] = []

    def admit(state: Routing, address: Any, *rest: Any, **named: Any) -> admission.Admitted:
        found.append(address.endpoint)
        return admission.admit(state, address, *rest, **named)

    monkeypatch.setattr(fastlane, "admit", admit)
    return found


def without_ids(answer: Answer) -> dict[str, Any]:
    return {**answer.json(), "prediction_ids": None}


def test_a_caller_is_admitted_once_until_the_next_look(
    api: Api, state: Routing, admitted: list[str]
) -> None:
    secret = secret_of(api())
    first, second = answered(secret, GOOD), answered(secret, GOOD)
    assert admitted == ["churn"]
    assert first.status == 200
    assert without_ids(first) == without_ids(second)
    assert first.json()["prediction_ids"] != second.json()["prediction_ids"]
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert answered(secret, GOOD, HTTP_X_REQUEST_ID="mine").headers["X-Request-ID"] == "mine"
    assert answered(secret, {"instances": []}).status == 422
    assert admitted == ["churn"]
    look(state)
    answered(secret, GOOD)
    assert admitted == ["churn"] * 2


def test_another_caller_is_admitted_for_himself(
    api: Api, state: Routing, admitted: list[str]
) -> None:
    secret = secret_of(api())
    answered(secret, GOOD)
    assert isinstance(ask_fast_lane(secret[:-1], GOOD), dict)
    assert isinstance(ask_fast_lane(secret, GOOD, HTTP_AUTHORIZATION=None), dict)
    assert answered(secret_of(api(scopes=["read"])), GOOD).status == 403
    assert len(admitted) == 3


def test_a_revoked_token_is_known_until_the_next_look_only(api: Api, state: Routing) -> None:
    secret = secret_of(api())
    answered(secret, GOOD)
    ApiToken.objects.update(revoked_at=now())
    look(state)
    assert isinstance(ask_fast_lane(secret, GOOD), dict)


def test_a_stopped_endpoint_answers_nobody_whom_it_knew(
    api: Api, state: Routing, churn: Endpoint, principal: Any
) -> None:
    secret = secret_of(api())
    answered(secret, GOOD)
    services.stop_endpoint(principal=principal, endpoint=churn)
    state.look()
    assert answered(secret, GOOD).status == 409


@pytest.mark.parametrize(
    "telling",
    [
        {"HTTP_X_ENTITY_KEY": "somebody"},
        {"HTTP_X_MODEL_VERSION": "1"},
        {"HTTP_X_MODEL_ALIAS": "champion"},
    ],
)
def test_headers_that_may_change_the_answer_are_looked_at_each_time(
    api: Api, state: Routing, admitted: list[str], telling: dict[str, str]
) -> None:
    secret = secret_of(api())
    for _ in range(2):
        assert answered(secret, GOOD, **telling).status == 200
    assert admitted == ["churn"] * 2
    answered(secret, GOOD)
    answered(secret, GOOD)
    answered(secret, GOOD, **telling)
    assert admitted == ["churn"] * 4


@pytest.mark.parametrize(
    "unusual",
    [
        {"REQUEST_METHOD": "GET"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": None},
        {"CONTENT_LENGTH": "-5"},
        {"CONTENT_LENGTH": str(10**12)},
        {"HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"HTTP_HOST": "evil.example"},
        {"PATH_INFO": "/api/v1/endpoints/unknown/predict/"},
    ],
)
def test_what_is_unusual_is_djangos_also_of_a_caller_who_is_known(
    api: Api, state: Routing, unusual: dict[str, str]
) -> None:
    secret = secret_of(api())
    answered(secret, GOOD)
    assert isinstance(ask_fast_lane(secret, GOOD, **unusual), dict)


def test_a_known_caller_without_https_is_sent_to_it_where_it_is_demanded(
    api: Api, state: Routing, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    secret = secret_of(api())
    assert answered(secret, GOOD, HTTP_X_FORWARDED_PROTO="https").status == 200
    assert answered(secret, GOOD, HTTP_X_FORWARDED_PROTO="https").status == 200
    assert isinstance(ask_fast_lane(secret, GOOD, HTTP_X_FORWARDED_PROTO="http"), dict)
    assert isinstance(ask_fast_lane(secret, GOOD), dict)


def test_where_several_versions_are_at_work_nobody_is_remembered(
    api: Api, state: Routing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def admit(state: Routing, *rest: Any, **named: Any) -> admission.Admitted:
        found = admission.admit(state, *rest, **named)
        traffic = state.traffic(found.route.project_id, "churn")
        return found._replace(traffic=traffic)

    monkeypatch.setattr(fastlane, "admit", admit)
    answered(secret_of(api()), GOOD)
    assert state.admissions == {}


def test_a_child_process_remembers_nobody(api: Api, state: Routing) -> None:
    answered(secret_of(api()), GOOD)
    assert state.admissions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads
        child = os.fork()
    if not child:
        os._exit(0 if state.admissions is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert state.admissions
