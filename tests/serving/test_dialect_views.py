"""Foreign dialects over HTTP: who may ask, what is told about models, and the same bytes in both lanes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from serving import services
from serving.models import Endpoint
from serving.routing import routing
from serving.selectors.predictions import find_predictions
from tests.serving.versions import ROW
from tests.serving.wire import answered, ask_fast_lane, secret_of

Api = Callable[..., APIClient]
pytestmark = pytest.mark.django_db
V1 = "/v1/models/churn"
V2 = "/v2/models/churn"
V2_TYPES = {"is_member": "BOOL", "age": "INT64", "region": "BYTES", "colour": "BYTES"}
V2_BODY = {
    "inputs": [
        {"name": name, "shape": [1], "datatype": V2_TYPES.get(name, "FP64"), "data": [value]}
        for name, value in ROW.items()
    ]
}
ASKED: list[tuple[str, dict[str, Any]]] = [
    (f"{V1}:predict", {"instances": [ROW]}),
    (f"{V1}/versions/1:classify", {"examples": [ROW]}),
    (f"{V1}/labels/champion:predict", {"instances": [ROW]}),
    (f"{V2}/infer", V2_BODY),
    (f"{V2}/versions/1/infer", V2_BODY),
]


@pytest.fixture
def opened(principal: Principal, churn: Endpoint) -> Endpoint:
    """The endpoint, open to callers without a token."""
    return services.change_endpoint(principal=principal, endpoint=churn, is_open=True)


def get(client: Client, secret: str | None, path: str) -> Any:
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return client.get(path, headers=headers)


@pytest.mark.parametrize(("url", "body"), ASKED)
def test_both_lanes_answer_a_dialect_alike(
    api: Api, client: Client, churn: Endpoint, url: str, body: dict[str, Any]
) -> None:
    secret = secret_of(api())
    fast = answered(secret, body, url)
    slow = client.post(
        url, json.dumps(body), "application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    assert (fast.status, slow.status_code) == (200, 200)
    assert json.loads(fast.body) == slow.json()
    assert len(fast.headers["X-Prediction-Ids"].split(",")) == 1
    project = f"/serve/{churn.project.slug}"
    assert answered(secret, body, project + url).body == fast.body


def test_an_answer_in_a_dialect_is_logged_like_any_other(api: Api, churn: Endpoint) -> None:
    answer = answered(secret_of(api()), V2_BODY, f"{V2}/infer")
    identity = UUID(answer.headers["X-Prediction-Ids"])
    found = find_predictions(project_id=churn.project_id, prediction_ids=[identity])[identity]
    assert found.features == ROW


def test_refusals_leave_both_lanes_in_the_words_of_the_dialect(
    api: Api, client: Client, churn: Endpoint
) -> None:
    secret = secret_of(api())
    fast = answered(secret, {"instances": []}, f"{V1}:predict")
    assert (fast.status, list(fast.json())) == (400, ["error"])
    for url, status in [
        (f"{V1}/versions/9:predict", 404),
        (f"{V1}/labels/nobody:predict", 404),
        ("/v1/models/unknown:predict", 404),
        ("/v2/models/unknown/infer", 404),
    ]:
        assert isinstance(ask_fast_lane(secret, {}, url), dict)
        slow = client.post(
            url, "{}", "application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        assert (slow.status_code, list(slow.json())) == (status, ["error"])
    missing = client.post("/invocations", "{}", "application/json")
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize(("url", "body"), ASKED)
def test_without_a_token_only_opened_endpoints_answer_and_only_by_project(
    client: Client, churn: Endpoint, principal: Principal, url: str, body: dict[str, Any]
) -> None:
    below = f"/serve/{churn.project.slug}"
    anonymous: dict[str, Any] = {"HTTP_AUTHORIZATION": None}
    for path in (url, below + url):
        assert isinstance(ask_fast_lane("", body, path, **anonymous), dict)
        assert client.post(path, json.dumps(body), "application/json").status_code == 401
    services.change_endpoint(principal=principal, endpoint=churn, is_open=True)
    assert answered("", body, below + url, **anonymous).status == 200
    assert client.post(below + url, json.dumps(body), "application/json").status_code == 200
    assert client.post(url, json.dumps(body), "application/json").status_code == 401
    services.change_endpoint(principal=principal, endpoint=churn, is_open=False)
    assert client.post(below + url, json.dumps(body), "application/json").status_code == 401


def test_a_session_cookie_lets_nobody_in(admin_client: Client, churn: Endpoint) -> None:
    answer = admin_client.post(
        f"{V1}:predict", json.dumps({"instances": [ROW]}), "application/json"
    )
    assert answer.status_code == 401


def test_opening_an_endpoint_takes_an_administrator(api: Api, churn: Endpoint) -> None:
    url = f"/api/v1/endpoints/{churn.name}/"
    assert api(Role.DEPLOYER).patch(url, {"is_open": True}).status_code == 403
    answer = api(Role.ADMIN).patch(url, {"is_open": True})
    assert (answer.status_code, answer.json()["is_open"]) == (200, True)


def test_tensorflow_tells_status_and_metadata(api: Api, client: Client, churn: Endpoint) -> None:
    secret = secret_of(api())
    status = get(client, secret, V1).json()
    assert (status["name"], status["ready"]) == ("churn", True)
    assert status["model_version_status"] == [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
    assert get(client, secret, f"{V1}/versions/1").status_code == 200
    assert get(client, secret, f"{V1}/versions/2").status_code == 404
    told = get(client, secret, f"{V1}/metadata").json()
    assert told["model_spec"] == {"name": "churn", "signature_name": "", "version": "1"}
    definition = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert definition["inputs"]["age"]["dtype"] == "DT_INT64"
    assert definition["method_name"] == "tensorflow/serving/predict"
    assert get(client, secret, "/v1/models").json() == {"models": ["churn"]}


def test_open_inference_tells_health_and_metadata(
    api: Api, client: Client, churn: Endpoint
) -> None:
    assert get(client, None, "/v2/health/live").json() == {"live": True}
    assert get(client, None, "/v2/health/ready").json() == {"ready": True}
    assert "binary_tensor_data" in get(client, None, "/v2").json()["extensions"]
    assert get(client, None, V2).status_code == 401
    secret = secret_of(api())
    told = get(client, secret, V2).json()
    assert (told["name"], told["versions"], told["platform"]) == ("churn", ["1"], "scikit-learn")
    assert {one["name"] for one in told["inputs"]} == set(ROW)
    assert get(client, secret, f"{V2}/versions/1/ready").json() == {"name": "churn", "ready": True}
    assert get(client, secret, f"{V2}/versions/7").status_code == 404
    assert get(client, secret, f"{V2}/config").json()["input"][0]["data_type"].startswith("TYPE_")
    assert get(client, secret, "/v2/models").json() == {"models": ["churn"]}


def test_the_repository_lists_loads_and_unloads(api: Api, client: Client, churn: Endpoint) -> None:
    secret, reader = secret_of(api()), secret_of(api(scopes=["read", "predict"]))

    def post(path: str, body: str = "", by: str = secret) -> Any:
        return client.post(
            path, body, "application/json", headers={"Authorization": f"Bearer {by}"}
        )

    index = "/v2/repository/index"
    row = {"name": "churn", "version": "1", "state": "READY", "reason": ""}
    assert post(index, "{}").json() == [row]
    switch = "/v2/repository/models/churn"
    for verb in ("load", "unload"):
        assert post(f"{switch}/{verb}", by=reader).status_code == 403
    assert (
        post(f"{switch}/unload", '{"parameters": {"unload_dependents": false}}').status_code == 200
    )
    assert post(index).json() == [{**row, "state": "UNAVAILABLE", "reason": "unloaded"}]
    assert post(index, '{"ready": true}').json() == []
    assert get(client, secret, f"{V2}/ready").status_code == 503
    assert post(f"{switch}/load").status_code == 200
    assert post(f"{switch}/load").status_code == 200
    assert get(client, secret, f"{V2}/ready").status_code == 200
    configured = post(f"{switch}/load", '{"parameters": {"config": "{}"}}')
    assert (configured.status_code, list(configured.json())) == (400, ["error"])


def test_statistics_count_answers_and_refusals(api: Api, client: Client, churn: Endpoint) -> None:
    secret = secret_of(api())
    answered(secret, V2_BODY, f"{V2}/infer")
    answered(secret, {"instances": [ROW] * 3}, f"{V1}:predict")
    answered(secret, {"instances": []}, f"{V1}:predict")
    (row,) = get(client, secret, f"{V2}/stats").json()["model_stats"]
    assert (row["name"], row["inference_count"], row["execution_count"]) == ("churn", 4, 2)
    assert row["inference_stats"]["fail"]["count"] == 1
    assert row["inference_stats"]["success"]["ns"] > 0


def test_mlflow_scoring_answers_per_endpoint_and_at_the_root_that_the_site_names(
    api: Api, client: Client, opened: Endpoint, settings: Settings
) -> None:
    base = f"/serve/{opened.project.slug}/{opened.name}"
    body = {"dataframe_records": [ROW]}
    by_name = client.post(f"{base}/invocations", json.dumps(body), "application/json")
    assert by_name.status_code == 200
    for path in ("ping", "health"):
        assert client.get(f"{base}/{path}").content == b"\n"
        assert client.get(f"/{path}").status_code == 404
    settings.ROOT_ENDPOINT = f"{opened.project.slug}/{opened.name}"
    at_root = client.post("/invocations", json.dumps(body), "application/json")
    assert at_root.json() == by_name.json()
    assert client.get("/ping").status_code == 200
    assert client.get("/version").content == b"3.17.2"
    unread = client.post(f"{base}/invocations", "x", "application/x-thing")
    assert (unread.status_code, unread.headers["Content-Type"]) == (415, "text/plain")
    refused = client.post(f"{base}/invocations", "{}", "application/json")
    assert (refused.status_code, refused.json()["error_code"]) == (400, "BAD_REQUEST")


def test_methods_that_a_dialect_does_not_know_are_refused(client: Client) -> None:
    answer = client.get(f"{V2}/infer")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_failure_on_our_side_tells_nothing(
    api: Api, client: Client, churn: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secret_of(api())
    answered(secret, {"instances": [ROW]}, f"{V1}:predict")

    def broken(*args: object) -> None:
        raise RuntimeError("secret path")

    monkeypatch.setattr(type(routing().log), "append", broken)
    fast = answered(secret, {"instances": [ROW]}, f"{V1}:predict")
    assert fast.status == 500
    assert b"secret" not in fast.body
