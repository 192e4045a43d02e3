"""Endpoints and predictions, through REST and the fast lane."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client
from pytest_django import Settings
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import ApiToken, Project, Role
from accounts.principals import Principal
from core.clock import now
from models_registry.models import ModelVersion
from models_registry.runtimes import Scores
from models_registry.services import promote
from models_registry.signatures import Columns, Field, Signature
from serving.fastlane import FastLane
from serving.models import Deployment, Endpoint
from serving.prediction_log import LogUnwritable, SegmentWriter
from serving.routing.batching import BatchedRuntime
from tests.serving.conftest import FEATURES, Train

Api = Callable[..., APIClient]
ROW: dict[str, Any] = dict(zip(FEATURES, (11.0, 18.5, 0.09), strict=True))
URL = "/api/v1/endpoints/tumour/predict/"


class Answer:
    """What a WSGI application answered."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = int(status[:3])
        self.headers = dict(headers)
        self.body = body

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


@pytest.fixture
def fast_lane(client: Client) -> Callable[..., Answer | None]:
    """Return a function that asks the fast lane; None means that Django would be asked."""

    def ask(secret: str, body: object, url: str = URL, **environ: object) -> Answer | None:
        passed_on: list[bool] = []
        started: list[Any] = []

        def django(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            passed_on.append(True)
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
            **environ,
        }
        parts = FastLane(django)(plain, lambda *args: started.append(args))
        return None if passed_on else Answer(started[0][0], started[0][1], b"".join(parts))

    return ask


def secret_of(client: APIClient) -> str:
    sent: dict[str, str] = vars(client)["_credentials"]
    return sent["HTTP_AUTHORIZATION"].removeprefix("Bearer ")


def without_ids(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "prediction_ids"}


def test_a_prediction_names_its_version_and_is_logged_before_it_leaves(
    api: Api, endpoint: Endpoint, champion: ModelVersion
) -> None:
    client = api(Role.VIEWER)
    response = client.post(URL, {"instances": [ROW, {**ROW, "mean radius": 25.0}]})
    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["predictions"] == ["benign", "malignant"]
    assert answer["classes"] == ["benign", "malignant"]
    assert np.allclose(np.sum(answer["probabilities"], axis=1), 1.0)
    assert answer["model_version"] == {"id": champion.pk, "model": "tumour", "number": 1}
    lineage = client.get(f"/api/v1/predictions/{answer['prediction_ids'][1]}/lineage/")
    assert lineage.status_code == 200, lineage.content
    found = lineage.json()
    assert found["prediction"]["features"] == {**ROW, "mean radius": 25.0}
    assert found["deployment"]["role"] == "champion"
    assert found["model_version"]["id"] == champion.pk
    assert found["dataset_version"]["sha256"]
    assert found["run"]["run_id"]
    assert [gate["passed"] for gate in found["gates"]] == [True] * len(found["gates"])
    assert found["gates"]
    assert found["promotions"][0]["alias"] == "champion"


def test_the_lineage_of_another_projects_prediction_is_not_found(
    api: Api, endpoint: Endpoint, other_project: Project
) -> None:
    made = api().post(URL, {"instances": [ROW]}).json()["prediction_ids"][0]
    stranger = api(in_project=other_project)
    assert stranger.get(f"/api/v1/predictions/{made}/lineage/").status_code == 404
    assert stranger.post(URL, {"instances": [ROW]}).status_code == 404


def test_fast_lane_and_view_give_the_same_answer(
    api: Api, endpoint: Endpoint, fast_lane: Callable[..., Answer | None]
) -> None:
    client = api(Role.VIEWER)
    bodies: list[Any] = [
        {"instances": [ROW]},
        {"instances": []},
        {"instances": [{**ROW, "mean radius": "big"}]},
        {"instances": [{"mean radius": 1.0}]},
        {"rows": []},
        [],
    ]
    for body in bodies:
        slow = client.post(URL, body, format="json")
        fast = fast_lane(secret_of(client), body)
        assert fast is not None
        assert fast.status == slow.status_code
        assert without_ids(fast.json()) == without_ids(slow.json())
        assert fast.headers["Content-Type"] == slow.headers["Content-Type"]
        assert int(fast.headers["Content-Length"]) == len(fast.body)


def test_what_is_unusual_is_left_to_django(
    api: Api, endpoint: Endpoint, fast_lane: Callable[..., Answer | None]
) -> None:
    secret = secret_of(api())
    body = {"instances": [ROW]}
    assert fast_lane(secret, body) is not None
    for unusual in (
        {"REQUEST_METHOD": "GET"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": ""},
        {"CONTENT_LENGTH": str(10**12)},
        {"HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": ""},
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "Basic eDp5"},
        {"HTTP_AUTHORIZATION": "Bearer mls_nonsense"},
        {"PATH_INFO": "/api/v1/endpoints/unknown/predict/"},
        {"PATH_INFO": "/api/v1/endpoints/"},
    ):
        assert fast_lane(secret, body, **unusual) is None, unusual


def test_the_request_id_of_the_caller_comes_back(
    api: Api, endpoint: Endpoint, fast_lane: Callable[..., Answer | None]
) -> None:
    answer = fast_lane(secret_of(api()), {"instances": [ROW]}, HTTP_X_REQUEST_ID="abc-1")
    assert answer is not None
    assert answer.headers["X-Request-ID"] == "abc-1"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, None),
        (b'{"instances": [{"a": NaN}]}', 400, None),
        (b'{"instances": 3}', 400, "instances"),
        (b'{"instances": [3]}', 400, "instances[0]"),
        (b'{"instances": [], "extra": 1}', 400, "extra"),
        (b'{"instances": []}', 422, "instances"),
        (b'{"instances": [{"mean radius": 1}]}', 422, "instances[0].mean texture"),
    ],
)
def test_a_bad_body_is_refused_with_the_name_of_the_field(
    api: Api, endpoint: Endpoint, body: bytes, status: int, field: str | None
) -> None:
    response = api().post(URL, body, content_type="application/json")
    assert response.status_code == status
    problem = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]]


def test_limits_are_refused_as_too_large(api: Api, endpoint: Endpoint, settings: Settings) -> None:
    settings.PREDICT_MAX_ROWS = 2
    assert api().post(URL, {"instances": [ROW] * 3}).status_code == 413
    settings.PREDICT_MAX_BODY_BYTES = 20
    assert api().post(URL, {"instances": [ROW]}).status_code == 413


def test_another_media_type_is_refused(api: Api, endpoint: Endpoint) -> None:
    assert api().post(URL, "a=b", content_type="text/plain").status_code == 415


def test_who_may_ask(api: Api, endpoint: Endpoint, client: Client) -> None:
    body = {"instances": [ROW]}
    assert api(Role.VIEWER, scopes=["predict"]).post(URL, body).status_code == 200
    assert api(Role.ADMIN, scopes=["read", "write"]).post(URL, body).status_code == 403
    assert client.post(URL, body, content_type="application/json").status_code == 401


def test_a_token_that_lacks_the_scope_is_refused_by_the_fast_lane_too(
    api: Api, endpoint: Endpoint, fast_lane: Callable[..., Answer | None]
) -> None:
    answer = fast_lane(secret_of(api(scopes=["read"])), {"instances": [ROW]})
    assert answer is not None
    assert answer.status == 403


def test_a_revoked_token_is_not_answered_by_the_fast_lane(
    api: Api, endpoint: Endpoint, fast_lane: Callable[..., Answer | None]
) -> None:
    secret = secret_of(api())
    assert fast_lane(secret, {"instances": [ROW]}) is not None
    ApiToken.objects.update(revoked_at=now())
    fast_lane(secret, {"instances": [ROW]})  # the tick that notices
    assert fast_lane(secret, {"instances": [ROW]}) is None


def test_the_view_knows_tokens_as_the_fast_lane_does(api: Api, endpoint: Endpoint) -> None:
    client = api()
    assert client.post(URL, {"instances": [ROW]}).status_code == 200
    ApiToken.objects.update(revoked_at=now())
    client.post(URL, {"instances": [ROW]})  # the tick that notices
    assert client.post(URL, {"instances": [ROW]}).status_code == 401


def test_a_promotion_switches_the_endpoint_and_keeps_the_history(
    api: Api, endpoint: Endpoint, train: Train, principal: Principal
) -> None:
    client = api()
    assert client.post(URL, {"instances": [ROW]}).json()["model_version"]["number"] == 1
    second = train("random_forest", params={"n_estimators": 10})
    promote(principal=principal, version=second, reason="better")
    assert client.post(URL, {"instances": [ROW]}).json()["model_version"]["number"] == 2
    history = client.get("/api/v1/endpoints/tumour/deployments/").json()["results"]
    assert [one["model_version_number"] for one in history] == [2, 1]
    assert history[0]["reason"] == "better"
    assert history[0]["started_by"] == principal.username
    assert history[1]["ended_at"] is not None
    answer = client.post("/api/v1/endpoints/tumour/rollback/", {"reason": "too slow"})
    assert answer.status_code == 200, answer.content
    assert answer.json()["deployments"][0]["model_version_number"] == 1
    assert client.post(URL, {"instances": [ROW]}).json()["model_version"]["number"] == 1


def test_a_version_that_cannot_be_loaded_leaves_the_one_before_at_work(
    api: Api, endpoint: Endpoint, train: Train, principal: Principal
) -> None:
    client = api()
    assert client.post(URL, {"instances": [ROW]}).status_code == 200
    second = train("random_forest", params={"n_estimators": 10})
    missing = "0" * 64
    ModelVersion.objects.filter(pk=second.pk).update(artifact_digest=missing, plan_digest=missing)
    second.refresh_from_db()
    promote(principal=principal, version=second)
    assert client.post(URL, {"instances": [ROW]}).json()["model_version"]["number"] == 1
    shown = client.get("/api/v1/endpoints/tumour/").json()["deployments"][0]
    assert shown["model_version_number"] == 2
    assert "missing" in shown["problem"]


def test_a_stopped_endpoint_refuses_until_it_is_started(api: Api, endpoint: Endpoint) -> None:
    client = api()
    assert client.post("/api/v1/endpoints/tumour/stop/").json()["status"] == "stopped"
    refused = client.post(URL, {"instances": [ROW]})
    assert (refused.status_code, refused.json()["code"]) == (409, "endpoint_stopped")
    assert client.post("/api/v1/endpoints/tumour/stop/").status_code == 409
    assert client.post("/api/v1/endpoints/tumour/start/").json()["status"] == "live"
    assert client.post(URL, {"instances": [ROW]}).status_code == 200


def test_an_answer_that_cannot_be_logged_does_not_leave(
    api: Api, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: SegmentWriter, payload: bytes) -> None:
        raise LogUnwritable(retry_after=5)

    monkeypatch.setattr(SegmentWriter, "append", full)
    response = api().post(URL, {"instances": [ROW]})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_an_endpoint_needs_a_champion_a_good_name_and_the_right_to_deploy(
    api: Api, train: Train, principal: Principal
) -> None:
    version = train()
    client = api(Role.DEPLOYER)
    wanted = {"name": "cells", "model": "tumour"}
    refused = client.post("/api/v1/endpoints/", wanted)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_champion")
    promote(principal=principal, version=version)
    for name in ("Cells", "a b", "-x", ""):
        refused = client.post("/api/v1/endpoints/", {**wanted, "name": name})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "name"
    assert client.post("/api/v1/endpoints/", {**wanted, "model": "x"}).status_code == 404
    assert api(Role.EDITOR).post("/api/v1/endpoints/", wanted).status_code == 403
    made = client.post("/api/v1/endpoints/", wanted)
    assert made.status_code == 201, made.content
    assert made.json()["deployments"][0]["model_version"] == version.pk
    taken = client.post("/api/v1/endpoints/", wanted)
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "name")
    changed = client.patch("/api/v1/endpoints/cells/", {"description": "for the ward"})
    assert changed.json()["description"] == "for the ward"


def test_a_list_of_endpoints_takes_a_fixed_number_of_queries(
    api: Api, endpoint: Endpoint, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = api()
    with django_assert_num_queries(6) as first:
        assert len(client.get("/api/v1/endpoints/").json()["results"]) == 1
    for number in range(3):
        other = Endpoint.objects.create(
            project=endpoint.project, name=f"e{number}", model=endpoint.model
        )
        Deployment.objects.create(
            endpoint=other, model_version=endpoint.model.versions.get(), started_by=None
        )
    with django_assert_num_queries(len(first)):
        assert len(client.get("/api/v1/endpoints/").json()["results"]) == 4


def test_the_pages_of_endpoints_open_and_act(
    client: Client, admin_user_: Any, endpoint: Endpoint
) -> None:
    client.force_login(admin_user_)
    page = client.get(f"/admin/serving/endpoint/{endpoint.pk}/change/")
    assert page.status_code == 200
    assert "mean radius" in page.content.decode()
    for list_page in ("endpoint", "deployment"):
        assert client.get(f"/admin/serving/{list_page}/").status_code == 200
    assert client.get("/admin/serving/endpoint/add/").status_code == 200
    client.post(f"/admin/serving/endpoint/{endpoint.pk}/stop/")
    endpoint.refresh_from_db()
    assert endpoint.status == Endpoint.Status.STOPPED
    nothing = client.post(f"/admin/serving/endpoint/{endpoint.pk}/roll-back/")
    assert "one champion only" in nothing.content.decode()


class _Slow:
    """A runtime that shows what it was asked together, and lets the first call wait."""

    name = "native"

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go = threading.Event()

    def predict(self, columns: Columns) -> Scores:
        if not self.sizes:
            self.go.wait(5)
        self.sizes.append(columns.row_count)
        if np.isnan(columns.numeric).any():
            raise ArithmeticError("a row that cannot be answered")
        return Scores(columns.numeric[:, 0].tolist(), None)


def test_requests_that_wait_are_answered_together_and_each_gets_its_own() -> None:
    signature = Signature((Field("a", "number"),), "regression")
    slow = _Slow()
    runtime = BatchedRuntime(slow)
    answers: dict[int, object] = {}

    def ask(number: int) -> None:
        value = np.nan if number == 5 else float(number)
        try:
            answers[number] = runtime.predict(
                Columns(signature, np.full((2, 1), value), (), 2)
            ).labels
        except ArithmeticError:
            answers[number] = "refused"

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    pause = threading.Event()
    for _ in range(100):
        if len(runtime._queue) == 7:
            break
        pause.wait(0.02)
    slow.go.set()
    for thread in threads:
        thread.join()
    expected: dict[int, object] = {n: [float(n)] * 2 for n in range(8)}
    assert answers == {**expected, 5: "refused"}
    assert slow.sizes[:2] == [2, 14]
