"""Predictions as lines: answered in order, refused one by one, logged before they leave."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as site
from rest_framework.test import APIClient

from accounts.principals import Principal
from models_registry.models import ModelVersion
from serving.models import Endpoint
from serving.prediction_log import LogUnwritable
from serving.protocols import NATIVE, Address
from serving.routing import forget_routing, routing
from serving.selectors.predictions import find_predictions
from serving.services import stop_endpoint
from serving.streaming import answer_lines
from tests.serving.test_explanations import served
from tests.serving.versions import ROW

ADDRESS = "/api/v1/endpoints/churn/predict-stream/"


def ask(client: APIClient, body: bytes, address: str = ADDRESS, **headers: str) -> Any:
    return client.generic(
        "POST", address, body.decode(), content_type="application/x-ndjson", headers=headers
    )


def lines_of(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def body_of(*rows: Any) -> bytes:
    return b"".join(
        (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in rows
    )


@pytest.mark.usefixtures("churn")
def test_each_line_is_answered_in_its_order_as_a_request_would_be(
    api: Callable[..., APIClient], settings: Any
) -> None:
    settings.PREDICT_STREAM_BATCH = 3
    client = api()
    rows = [{**ROW, "age": age} for age in range(20, 28)]
    answers = lines_of(ask(client, body_of(*rows)))
    whole = client.post(
        "/api/v1/endpoints/churn/predict/", {"instances": rows}, format="json"
    ).json()
    assert [one["line"] for one in answers] == list(range(1, 9))
    assert [one["prediction"] for one in answers] == whole["predictions"]
    assert [one["probabilities"] for one in answers] == whole["probabilities"]
    assert {one["model_version"] for one in answers} == {whole["model_version"]["number"]}


def test_every_answer_is_in_the_log(churn: Endpoint, api: Callable[..., APIClient]) -> None:
    (answer,) = lines_of(ask(api(), body_of(ROW), **{"X-Request-ID": "mine"}))
    wanted = UUID(answer["prediction_id"])
    found = find_predictions(project_id=churn.project_id, prediction_ids=[wanted])[wanted]
    assert (found.prediction, found.request_id) == (answer["prediction"], "mine")


@pytest.mark.usefixtures("churn")
def test_a_bad_line_is_refused_alone(api: Callable[..., APIClient], settings: Any) -> None:
    settings.PREDICT_MAX_LINE_BYTES = 300
    bad = {**ROW, "age": "old", "region": None}
    body = body_of(ROW, b"{", b"[1]", b"", bad, b'"' + b"x" * 1000 + b'"', {"a": NaN}, ROW)
    answers = lines_of(ask(api(), body))
    assert [one["line"] for one in answers] == [1, 2, 3, 4, 5, 6, 7]
    assert [one.get("error", {}).get("code") for one in answers] == [
        *(None, "malformed", "malformed", "input_refused", "line_too_long", "malformed", None),
    ]
    assert "age: " in answers[3]["error"]["detail"]
    assert "region: " in answers[3]["error"]["detail"]


NaN = float("nan")


@pytest.mark.usefixtures("churn")
def test_lines_that_cannot_be_logged_are_not_answered(
    api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(payload: bytes) -> None:
        raise LogUnwritable("The disk is full.")

    monkeypatch.setattr(routing().log, "append", full)
    answers = lines_of(ask(api(), body_of(ROW, ROW)))
    assert [one["error"]["code"] for one in answers] == [LogUnwritable.code] * 2


def test_a_stream_waits_for_a_place_and_learns_of_a_stop(
    churn: Endpoint, principal_as: Any, api: Callable[..., APIClient]
) -> None:
    from accounts.models import Role
    from serving.admission import admit_principal

    principal = principal_as(Role.ADMIN)
    state = routing()
    places = [contextlib.ExitStack() for _ in range(64)]
    for place in places:
        place.enter_context(state.places)
    body = io.BytesIO((json.dumps(ROW).encode() + b"\n") * 2)
    paused = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        while places:
            places.pop().close()

    stream = answer_lines(
        body.read,
        admit=lambda: admit_principal(state, principal, "churn", Address(NATIVE, None, "churn")),
        state=state,
        request_id="r",
        batch_lines=1,
        pause=pause,
    )
    assert "prediction" in json.loads(next(stream))
    assert len(paused) == 1
    stop_endpoint(principal=principal, endpoint=churn)
    state.look()
    assert json.loads(next(stream))["error"]["code"] == "endpoint_stopped"
    assert list(stream) == []


def test_lines_are_decided_where_a_threshold_is_asked_for(
    churn: Endpoint, api: Callable[..., APIClient]
) -> None:
    client = api()
    for threshold, decision in (("0", "yes"), ("1.0", "no")):
        (one,) = lines_of(ask(client, body_of(ROW), f"{ADDRESS}?threshold={threshold}"))
        assert (one["decision"], one["threshold"]) == (decision, float(threshold))
    ModelVersion.objects.update(decision={"threshold": 0.125})
    Endpoint.objects.filter(pk=churn.pk).update(decision_threshold=None)
    forget_routing()
    answers = lines_of(ask(client, body_of(ROW, b"{", ROW), f"{ADDRESS}?threshold=true"))
    assert [one.get("threshold") for one in answers] == [0.125, None, 0.125]
    assert answers[1]["error"]["code"] == "malformed"
    assert "decision" not in lines_of(ask(client, body_of(ROW), f"{ADDRESS}?threshold=false"))[0]
    for wrong in ("high", "nan", "1e999", "[0.5]", "2"):
        refused = ask(client, body_of(ROW), f"{ADDRESS}?threshold={wrong}")
        assert refused.status_code in (400, 422), wrong
        assert refused.json()["errors"][0]["field"] == "threshold"


def test_lines_are_explained_as_a_request_would_be(
    principal: Principal, api: Callable[..., APIClient], settings: Any
) -> None:
    settings.EXPLAIN_MAX_ROWS = 2
    served(principal)
    client = api()
    rows = [{**ROW, "age": age} for age in (20, 30, 40, 50, 60)]
    answers = lines_of(ask(client, body_of(*rows[:3], b"[]", *rows[3:]), f"{ADDRESS}?explain=true"))
    assert [one["line"] for one in answers] == [1, 2, 3, 4, 5, 6]
    assert answers[3]["error"]["code"] == "malformed"
    explained = [one for one in answers if "error" not in one]
    for first in (0, 2, 4):
        whole = client.post(
            "/api/v1/endpoints/churn/predict/",
            {"instances": rows[first : first + 2], "explain": True},
            format="json",
        ).json()
        found = explained[first : first + 2]
        assert [one["explanation"] for one in found] == whole["explanations"]
        assert all(one["explained_by"] == whole["explained_by"] for one in found)
    assert ask(client, b"", f"{ADDRESS}?explain=perhaps").status_code == 422


@pytest.mark.usefixtures("churn")
def test_lines_of_a_version_that_cannot_be_explained_say_so(
    api: Callable[..., APIClient],
) -> None:
    answers = lines_of(ask(api(), body_of(ROW, ROW), f"{ADDRESS}?explain=true"))
    assert [one["error"]["code"] for one in answers] == ["not_explainable"] * 2


@pytest.mark.usefixtures("churn")
def test_what_is_no_stream_of_lines_is_refused_before_it_begins(
    api: Callable[..., APIClient],
) -> None:
    client = api()
    assert client.post(ADDRESS, {}, format="json").status_code == 415
    assert ask(client, b"", **{"Content-Encoding": "gzip"}).status_code == 415
    assert ask(client, b"", ADDRESS + "?batch=0").status_code == 422
    assert ask(client, b"", "/api/v1/endpoints/nothing/predict-stream/").status_code == 404
    assert ask(APIClient(), b"").status_code == 401
    assert lines_of(ask(client, b"")) == []


@pytest.mark.usefixtures("churn")
def test_more_streams_than_may_be_open_are_refused_until_one_is_closed(
    api: Callable[..., APIClient],
) -> None:
    client = api()
    places = site.PREDICT_STREAMS_AT_ONCE
    streams = [ask(client, body_of(ROW)) for _ in range(places)]
    refused = ask(client, body_of(ROW))
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert refused.json()["code"] == "too_many_at_once"
    leave(streams.pop())  # never begun
    assert len(lines_of(ask(client, body_of(ROW)))) == 1
    assert ask(client, b"", ADDRESS + "?batch=0").status_code == 422, "takes no place"
    again = ask(client, body_of(ROW))
    assert again.status_code == 200
    for one in (*streams, again, again):  # gives its place back once
        leave(one)
    assert [ask(client, b"").status_code for _ in range(places + 1)] == [*[200] * places, 503]


def leave(response: Any) -> None:
    """Close what the server closes when a client goes away, and leave the test its database."""
    for close in response._resource_closers:
        close()
