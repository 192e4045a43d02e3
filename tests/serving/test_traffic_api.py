"""Traffic and rollouts over REST and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from models_registry.models import ModelVersion
from serving.models import Deployment, Endpoint, Rollout
from serving.routing import routing
from tests.serving.versions import ROW, register
from tests.serving.wire import answered, secret_of

Api = Callable[..., APIClient]
AT = "/api/v1/endpoints/churn/"


@pytest.fixture
def second(principal: Principal, churn: Endpoint) -> ModelVersion:
    """Another version that passed its gates."""
    return register(principal, "random_forest")


def test_canaries_and_the_live_picture(
    api: Api,
    second: ModelVersion,
    other_project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api(Role.DEPLOYER)
    made = client.post(
        f"{AT}canaries-and-shadows/",
        {"version": 2, "role": "canary", "weight": 0.5, "group": "B"},
    )
    assert made.status_code == 201, made.content
    assert (made.json()["weight"], made.json()["group"]) == (0.5, "B")
    one = f"/api/v1/deployments/{made.json()['id']}/"
    assert api(in_project=other_project).get(one).status_code == 404
    assert api(Role.VIEWER).patch(one, {"weight": 1.0}).status_code == 403
    assert client.patch(one, {"weight": 7}).status_code == 422
    assert client.patch(one, {"weight": 1.0}).json()["weight"] == 1.0
    for _ in range(3):
        answered(secret_of(client), {"instances": [ROW]})
    routing().flush()
    with django_assert_max_num_queries(12):
        picture = client.get(f"{AT}traffic/").json()
    shown = {entry["version"]: entry for entry in picture["versions"]}
    assert (shown[2]["requests"], shown[2]["share"], shown[1]["requests"]) == (3, 1.0, 0)
    assert shown[2]["p95"] > 0
    assert client.post(f"{one}end/").json()["ended_at"] is not None
    assert client.post(f"{one}end/").status_code == 409


def test_the_stop_button_over_rest(api: Api, second: ModelVersion) -> None:
    client = api(Role.DEPLOYER)
    assert client.post(f"{AT}fall-back/").json()["code"] == "nothing_to_fall_back_to"
    bad = client.post(f"{AT}fall-back/", {"fallback": "constant", "value": "unheard of"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "value")
    classes = second.signature["classes"]
    good = client.post(f"{AT}fall-back/", {"fallback": "constant", "value": classes[0]})
    assert (good.status_code, good.json()["status"]) == (200, "fallback")
    assert client.post(f"{AT}start/").json()["status"] == "live"


def test_a_rollout_over_rest(
    api: Api,
    churn: Endpoint,
    second: ModelVersion,
    other_project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api(Role.DEPLOYER)
    plan: dict[str, Any] = {"endpoint": "churn", "version": 2, "least_requests": 10}
    assert api(Role.EDITOR).post("/api/v1/rollouts/", plan).status_code == 403
    assert client.post("/api/v1/rollouts/", {**plan, "version": 9}).status_code == 404
    bad = client.post("/api/v1/rollouts/", {**plan, "steps": [{"share": 2, "baking_minutes": 1}]})
    assert bad.status_code == 422
    made = client.post("/api/v1/rollouts/", plan)
    assert made.status_code == 201, made.content
    assert [step["share"] for step in made.json()["steps"]] == [0.05, 0.25, 1.0]
    one = f"/api/v1/rollouts/{made.json()['id']}/"
    steps = [{"share": 0.5, "baking_minutes": 1}]
    assert len(client.patch(one, {"steps": steps, "level": 0.05}).json()["steps"]) == 1
    half = client.patch(one, {"steps": [{"share": 0.5}]})
    assert (half.status_code, half.json()["errors"][0]["field"]) == (422, "steps[0].baking_minutes")
    assert client.post(f"{one}start/").json()["status"] == "canary"
    assert client.patch(one, {"level": 0.1}).status_code == 409
    assert client.post(f"{one}pause/", {"reason": "lunch"}).json()["status"] == "paused"
    assert client.post(f"{one}resume/").json()["status"] == "canary"
    assert client.get(f"{one}judgements/").json()["results"] == []
    assert client.post(f"{one}abort/").json()["status"] == "aborted"
    assert client.post(f"{one}promote/").status_code == 409
    assert api(in_project=other_project).get(one).status_code == 404
    for _ in range(3):
        client.post("/api/v1/rollouts/", plan)
    with django_assert_max_num_queries(10):
        assert len(client.get("/api/v1/rollouts/").json()["results"]) == 4


def test_the_admin_shows_the_picture_and_does_what_it_is_asked(
    client: Client, admin_user_: User, api: Api, churn: Endpoint, second: ModelVersion
) -> None:
    client.force_login(admin_user_)
    page = f"/admin/serving/endpoint/{churn.pk}/"

    def do(name: str, kind: str = "endpoint", pk: int = churn.pk, **said: Any) -> None:
        address = f"/admin/serving/{kind}/{pk}/{name}/"
        assert client.get(address).status_code == 200
        answer = client.post(address, said)
        assert answer.status_code == 302, answer.content.decode()[-3000:]

    do("canary", version=second.pk, weight=0.25, group="B")
    canary = Deployment.objects.get(role="canary")
    do("weigh", "deployment", canary.pk, weight=0.5)
    for key in map(str, range(8)):
        answered(secret_of(api()), {"instances": [ROW]}, HTTP_X_ENTITY_KEY=key)
    routing().flush()
    shown = client.get(f"{page}change/?live=1").content.decode()
    assert "refresh" in shown
    assert "tr-split" in shown
    do("end", "deployment", canary.pk)
    do("shadow", version=second.pk, group="")
    do("end", "deployment", Deployment.objects.get(role="shadow", ended_at=None).pk)
    do("roll-out", version=second.pk, steps="10% 5, 100% 5", group="")
    rollout = Rollout.objects.get()
    assert client.get(f"/admin/serving/rollout/{rollout.pk}/change/").status_code == 200
    do("steps", "rollout", rollout.pk, steps="20% 5")
    for name in ("start", "pause", "resume", "abort"):
        do(name, "rollout", rollout.pk)
    assert client.get("/admin/serving/rollout/").status_code == 200
    do("fall-back", fallback="constant", value=str(second.signature["classes"][0]))
    do("start")
    do("stop")
