"""Several versions at one endpoint: who is answered by which, who looks on, who may choose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.conf import settings as site
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid
from datasets import lake
from models_registry.models import ModelVersion
from models_registry.services import promote
from serving import services
from serving.errors import AtWorkAlready, IllegalEndpointMove, NothingToFallBackTo
from serving.execution.shipping import Shipper
from serving.models import Deployment, Endpoint, TrafficMinute
from serving.prediction_log.table import PARTITION_BY, SCHEMA
from serving.routing import Route, routing
from serving.routing.traffic import traffic_of
from serving.selectors.predictions import find_predictions, log_path, predictions
from serving.selectors.traffic import seen_since
from tests.serving.test_predictions import route
from tests.serving.versions import ROW, register
from tests.serving.wire import Answer, answered, ask_fast_lane, secret_of

Api = Callable[..., APIClient]
GOOD: dict[str, Any] = {"instances": [ROW]}


@pytest.fixture
def second(principal: Principal, churn: Endpoint) -> ModelVersion:
    """Another version that passed its gates."""
    return register(principal, "random_forest")


def version_of(answer: Answer) -> int:
    number: int = answer.json()["model_version"]["number"]
    return number


def started(
    principal: Principal, endpoint: Endpoint, version: ModelVersion, role: str, **more: Any
) -> Deployment:
    return services.start_deployment(
        principal=principal, endpoint=endpoint, version=version, role=role, **more
    )


def a_route(deployment: int) -> Route:
    from dataclasses import replace

    return replace(ROUTE, deployment_id=deployment)


ROUTE = route()


@given(st.lists(st.text(max_size=20), min_size=1, max_size=50), st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_only_adds_keys(keys: list[str], one: float, other: float) -> None:
    small, large = sorted((one, other))
    canary = a_route(9)
    before = traffic_of(ROUTE, [(canary, small)], [], "")
    after = traffic_of(ROUTE, [(canary, large)], [], "")
    for key in keys:
        if before.choose(key) is canary:
            assert after.choose(key) is canary


def test_shares_are_kept_and_another_rollout_asks_other_keys() -> None:
    keys = [f"customer {number}" for number in range(4000)]
    one, other = a_route(9), a_route(10)
    both = traffic_of(ROUTE, [(one, 0.1), (other, 0.3)], [], "")
    chosen = [both.choose(key).deployment_id for key in keys]
    assert chosen.count(9) == pytest.approx(400, abs=90)
    assert chosen.count(10) == pytest.approx(1200, abs=150)
    first = {key for key in keys if traffic_of(ROUTE, [(one, 0.1)], [], "").choose(key) is one}
    second = {key for key in keys if traffic_of(ROUTE, [(other, 0.1)], [], "").choose(key) is other}
    assert len(first & second) < 100


def test_the_ends_of_the_scale_are_nobody_and_everybody() -> None:
    canary = a_route(9)
    assert traffic_of(ROUTE, [(canary, 0.0)], [], "").choose("x") is ROUTE
    assert traffic_of(ROUTE, [(canary, 1.0)], [], "").choose("x") is canary


def test_a_canary_answers_its_share_and_the_same_entity_keeps_its_version(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    secret = secret_of(api())
    started(principal, churn, second, "canary", weight=0.5, group="B")
    found = {
        key: version_of(answered(secret, GOOD, HTTP_X_ENTITY_KEY=key))
        for key in map(str, range(24))
    }
    assert set(found.values()) == {1, 2}
    for key, version in found.items():
        assert version_of(answered(secret, GOOD, HTTP_X_ENTITY_KEY=key)) == version
    assert len({version_of(answered(secret, GOOD)) for _ in range(5)}) == 1
    view = api().post("/api/v1/endpoints/churn/predict/", GOOD, HTTP_X_ENTITY_KEY="7")
    assert view.json()["model_version"]["number"] == found["7"]


def test_the_column_of_the_first_instance_is_the_key_where_no_header_says_it(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    with pytest.raises(Invalid):
        services.change_endpoint(principal=principal, endpoint=churn, entity_column="unknown")
    services.change_endpoint(principal=principal, endpoint=churn, entity_column="age")
    started(principal, churn, second, "canary", weight=0.5)
    secret = secret_of(api())
    by_column = [
        version_of(answered(secret, {"instances": [{**ROW, "age": age}]})) for age in range(20, 40)
    ]
    by_header = [
        version_of(answered(secret, GOOD, HTTP_X_ENTITY_KEY=str(age))) for age in range(20, 40)
    ]
    assert by_column == by_header
    assert set(by_column) == {1, 2}
    bad = answered(secret, {"instances": [{"age": 3}]})
    assert bad.status == 422


def test_a_shadow_answers_for_the_log_only_and_is_paired_with_what_the_caller_got(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    shadow = started(principal, churn, second, "shadow", group="S")
    answer = answered(secret_of(api()), {"instances": [ROW, ROW]}, HTTP_X_REQUEST_ID="r-1")
    assert version_of(answer) == 1
    routing().shadows.drain()
    routing().log.close()
    Shipper(Path(site.PREDICTION_LOG_ROOT)).ship()
    rows = lake.read_window(log_path(churn.project_id))
    assert rows is not None
    found = [one for one in rows.to_pylist() if one["role"] == "shadow"]
    assert [one["answered_id"] for one in found] == answer.json()["prediction_ids"]
    assert {one["request_id"] for one in found} == {"r-1"}
    assert {(one["deployment_id"], one["group"]) for one in found} == {(shadow.pk, "S")}
    window = predictions(
        project_id=churn.project_id,
        endpoint_id=churn.pk,
        start=now().replace(hour=0, minute=0),
        end=now(),
    )
    assert window is not None
    assert set(window["role"].to_pylist()) == {"champion"}


def test_a_sampled_log_keeps_a_shadows_answer_with_the_callers(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    started(principal, churn, second, "shadow")
    services.change_log_policy(principal=principal, endpoint=churn, log_share=0.5)
    secret = secret_of(api())
    for number in range(40):
        assert answered(secret, GOOD, HTTP_X_REQUEST_ID=f"r-{number}").status == 200
    routing().shadows.drain()
    routing().log.close()
    Shipper(Path(site.PREDICTION_LOG_ROOT)).ship()
    rows = lake.read_window(log_path(churn.project_id))
    assert rows is not None
    by_role = {
        role: {one["request_id"] for one in rows.to_pylist() if one["role"] == role}
        for role in ("champion", "shadow")
    }
    assert by_role["champion"] == by_role["shadow"]
    assert 5 < len(by_role["champion"]) < 35  # of 40, by chance: outside once in 700,000


def test_a_shadow_that_is_behind_loses_requests_and_never_holds_one_up(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion, settings: Settings
) -> None:
    settings.SHADOW_QUEUE_REQUESTS = 2
    shadow = started(principal, churn, second, "shadow")
    secret = secret_of(api())
    assert [answered(secret, GOOD).status for _ in range(5)] == [200] * 5
    routing().shadows.drain()
    routing().flush()
    counted = TrafficMinute.objects.get(deployment=shadow)
    assert (counted.requests, counted.dropped) == (2, 3)


def test_a_shadow_that_fails_fails_alone(
    api: Api,
    principal: Principal,
    churn: Endpoint,
    second: ModelVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shadow = started(principal, churn, second, "shadow")
    secret = secret_of(api())
    assert answered(secret, GOOD).status == 200

    def broken(*args: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("serving.routing.shadowing.encode_request", broken)
        routing().shadows.drain()
    routing().flush()
    assert TrafficMinute.objects.get(deployment=shadow).errors == 1


def test_a_version_at_work_is_addressed_by_anyone_and_another_by_those_who_edit(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    viewer, editor = secret_of(api(Role.VIEWER)), secret_of(api(Role.EDITOR))
    assert version_of(answered(viewer, GOOD, HTTP_X_MODEL_VERSION="1")) == 1
    assert isinstance(ask_fast_lane(viewer, GOOD, HTTP_X_MODEL_VERSION="2"), dict)
    refused = api(Role.VIEWER).post(
        "/api/v1/endpoints/churn/predict/", GOOD, HTTP_X_MODEL_VERSION="2"
    )
    assert (refused.status_code, refused.json()["code"]) == (404, "version_not_served")
    assert version_of(answered(editor, GOOD, HTTP_X_MODEL_VERSION="2")) == 2
    promote(principal=principal, version=second, alias="challenger")
    assert version_of(answered(editor, GOOD, HTTP_X_MODEL_ALIAS="challenger")) == 2
    started(principal, churn, second, "shadow")
    assert version_of(answered(viewer, GOOD, HTTP_X_MODEL_ALIAS="challenger")) == 2
    assert version_of(answered(viewer, GOOD, HTTP_X_MODEL_VERSION="2")) == 2
    url = "/v1/models/churn/versions/2:predict"
    assert answered(viewer, GOOD, url).status == 200
    assert answered(viewer, GOOD, "/v1/models/churn/labels/challenger:predict").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_MODEL_VERSION": "three"},
        {"HTTP_X_MODEL_VERSION": "-1"},
        {"HTTP_X_MODEL_VERSION": "9" * 30},
        {"HTTP_X_MODEL_VERSION": "1", "HTTP_X_MODEL_ALIAS": "champion"},
    ],
)
def test_a_version_that_is_none_is_refused_by_name(
    api: Api, churn: Endpoint, headers: dict[str, Any]
) -> None:
    fast = answered(secret_of(api()), GOOD, **headers)
    slow = api().post("/api/v1/endpoints/churn/predict/", GOOD, **headers)
    assert (fast.status, slow.status_code) == (422, 422)
    assert fast.json()["errors"][0]["field"].startswith("X-Model-")
    assert fast.body == slow.content


def test_shares_and_roles_that_make_no_sense_are_refused(
    principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    with pytest.raises(AtWorkAlready):
        started(principal, churn, ModelVersion.objects.get(number=1), "shadow")
    for weight in (-0.1, 1.1):
        with pytest.raises(Invalid):
            started(principal, churn, second, "canary", weight=weight)
    with pytest.raises(Invalid):
        started(principal, churn, second, "champion")
    canary = started(principal, churn, second, "canary", weight=0.5)
    services.change_weight(principal=principal, deployment=canary, weight=1.0)
    services.end_deployment(principal=principal, deployment=canary)
    with pytest.raises(IllegalEndpointMove):
        services.change_weight(principal=principal, deployment=canary, weight=0.5)


def test_a_canary_that_becomes_champion_ends_as_a_canary(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    canary = started(principal, churn, second, "canary", weight=0.1)
    promote(principal=principal, version=second)
    assert version_of(answered(secret_of(api()), GOOD)) == 2
    canary.refresh_from_db()
    assert canary.ended_at is not None


def test_the_stop_button_takes_a_constant_the_previous_version_or_nothing(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    secret = secret_of(api())
    with pytest.raises(NothingToFallBackTo):
        services.fall_back(principal=principal, endpoint=churn)
    with pytest.raises(Invalid):
        services.fall_back(
            principal=principal, endpoint=churn, fallback="constant", value="unheard of"
        )
    assert answered(secret, GOOD).status == 200
    classes = answered(secret, GOOD).json()["classes"]
    services.fall_back(principal=principal, endpoint=churn, fallback="constant", value=classes[1])
    constant = answered(secret, {"instances": [ROW, ROW]}).json()
    assert constant["predictions"] == [classes[1]] * 2
    assert constant["probabilities"] == [[0.0, 1.0]] * 2
    assert constant["model_version"]["fallback"] == "constant"
    found = next(iter(_records(churn, constant["prediction_ids"][:1]).values()))
    assert found.role == "constant"
    services.stop_endpoint(principal=principal, endpoint=churn)
    assert answered(secret, GOOD).status == 409
    services.start_endpoint(principal=principal, endpoint=churn)
    assert answered(secret, GOOD).status == 200
    promote(principal=principal, version=second)
    assert version_of(answered(secret, GOOD)) == 2
    services.fall_back(principal=principal, endpoint=churn, fallback="previous")
    again = answered(secret, GOOD)
    assert again.json()["model_version"]["fallback"] == "previous"
    assert version_of(again) == 1
    with pytest.raises(IllegalEndpointMove):
        services.fall_back(principal=principal, endpoint=churn)


def _records(endpoint: Endpoint, ids: list[str]) -> dict[Any, Any]:
    from uuid import UUID

    return find_predictions(project_id=endpoint.project_id, prediction_ids=list(map(UUID, ids)))


def test_processes_add_up_in_the_minutes(
    api: Api, principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    started(principal, churn, second, "canary", weight=0.0)
    secret = secret_of(api())
    champion = Deployment.objects.get(endpoint=churn, role="champion")
    at = now().replace(second=1)
    for _ in range(2):  # the second flush of the same counts adds nothing
        answered(secret, {"instances": [ROW, ROW]})
        answered(secret, {"instances": []})
        state = routing()
        state._minutes.flush(at)
        state._minutes.flush(at)
    one = TrafficMinute.objects.get(deployment=champion)
    assert (one.requests, one.refused, one.errors, one.rows) == (4, 2, 0, 4)
    assert (sum(one.latencies), sum(one.answers.values())) == (2, 4)


def test_an_answer_that_took_too_long_is_a_failure_of_the_version(
    api: Api,
    principal: Principal,
    churn: Endpoint,
    second: ModelVersion,
    settings: Settings,
) -> None:
    canary = started(principal, churn, second, "canary", weight=1.0)
    secret = secret_of(api())
    assert answered(secret, GOOD).status == 200
    settings.PREDICT_TIME_LIMIT_SECONDS = 1e-9
    assert answered(secret, GOOD).status == 503
    routing().flush()
    minutes = TrafficMinute.objects.filter(deployment=canary)
    assert sum(one.requests for one in minutes) == 2
    assert sum(one.errors for one in minutes) == 1
    assert seen_since([canary.pk], canary.started_at).failed == 1


def test_a_table_of_long_ago_takes_the_new_columns(
    api: Api, churn: Endpoint, principal: Principal, second: ModelVersion
) -> None:
    old = pa.schema(
        [one for one in SCHEMA if one.name not in ("group", "entity_key", "answered_id")]
    )
    lake.ensure_table(log_path(churn.project_id), old, partition_by=PARTITION_BY)
    path, day = log_path(churn.project_id), "2026-01-01"
    before = {name: [None] for name in old.names} | {"day": [day], "role": ["champion"]}
    lake.append(path, pa.table(before, schema=old), transaction=("w", 1), partition_by=PARTITION_BY)
    started(principal, churn, second, "canary", weight=1.0, group="B")
    made = answered(secret_of(api()), GOOD, HTTP_X_ENTITY_KEY="ann").json()["prediction_ids"]
    routing().log.close()
    assert Shipper(Path(site.PREDICTION_LOG_ROOT)).ship() == 1
    assert next(iter(_records(churn, made).values())).group == "B"
    rows = lake.read_window(path, columns=["day", "group", "entity_key"])
    assert rows is not None
    found = {one["day"]: (one["group"], one["entity_key"]) for one in rows.to_pylist()}
    assert found.pop(day) == (None, None)
    assert set(found.values()) == {("B", "ann")}
