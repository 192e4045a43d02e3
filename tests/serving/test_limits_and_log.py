"""Rates, times, and what the log keeps: of failures, of columns, for how long."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake
from serving.errors import RateExceeded
from serving.execution.asking import ask_for_log_retention
from serving.execution.shipping import Shipper
from serving.fastlane import FastLane
from serving.models import Endpoint
from serving.prediction_log import FailedRequest, LogPolicy, decode_failure, encode_failure
from serving.prediction_log.features import FeatureBlock
from serving.routing import routing
from serving.routing.rates import RateLimits
from serving.selectors.predictions import failures_path, log_path
from serving.services import change_log_policy, create_endpoint
from tests.serving.versions import ROW, promoted
from tests.serving.wire import URL, answered, secret_of

ADDRESS = "/api/v1/endpoints/churn/predict/"
DIALECTS = {
    "native": (ADDRESS, {"instances": [ROW]}),
    "tensorflow": ("/v1/models/churn:predict", {"instances": [ROW]}),
    "mlflow": ("/serve/demo/churn/invocations", {"dataframe_records": [ROW]}),
}


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_through_what_was_saved_up_and_says_when_there_is_more() -> None:
    clock = Clock()
    rates = RateLimits(per_token=2.0, per_open_endpoint=0.0, burst_seconds=1.5, clock=clock)
    for _ in range(3):
        rates.take("one", 1)
    rates.take("other", 1)
    with pytest.raises(RateExceeded) as refusal:
        rates.take("one", 1)
    assert refusal.value.details == {"retry_after": 1}
    clock.now += 0.5
    rates.take("one", 1)
    for _ in range(100):
        rates.take("", 1)


def ask(client: APIClient, address: str, body: Any) -> Any:
    return client.post(address, body, format="json")


@pytest.fixture
def lanes(api: Callable[..., APIClient]) -> list[Callable[[str, Any], tuple[int, Any]]]:
    """Return the two ways to an answer: before Django, and through it."""
    client = api()
    secret: str = vars(client)["_credentials"]["HTTP_AUTHORIZATION"]

    def nobody(environ: Any, start_response: Any) -> Iterator[bytes]:
        raise AssertionError("passed on to Django")

    def fast(address: str, body: Any) -> tuple[int, Any]:
        import io

        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            told.update(status=int(status[:3]), headers=dict(headers))

        data = json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": address,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": secret,
            "wsgi.input": io.BytesIO(data),
            "wsgi.url_scheme": "http",
        }
        list(FastLane(nobody)(environ, start))
        return told["status"], told["headers"]

    def slow(address: str, body: Any) -> tuple[int, Any]:
        response = ask(client, address, body)
        return response.status_code, response.headers

    return [fast, slow]


@pytest.mark.usefixtures("churn")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_who_asks_too_often_is_told_when_to_come_back(
    lanes: Any, settings: Any, dialect: str
) -> None:
    settings.PREDICT_RATE_PER_TOKEN = 0.01
    address, body = DIALECTS[dialect]
    statuses = [lane(address, body) for lane in (*lanes, *lanes)]
    assert [status for status, _ in statuses] == [200, 429, 429, 429]
    assert all(int(headers["Retry-After"]) >= 1 for _, headers in statuses[1:])


@pytest.mark.usefixtures("churn")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_takes_too_long_or_finds_no_place_is_503_with_a_time(
    lanes: Any, settings: Any, dialect: str
) -> None:
    address, body = DIALECTS[dialect]
    for lane in lanes:
        settings.PREDICT_TIME_LIMIT_SECONDS = 1e-9
        status, headers = lane(address, body)
        assert (status, headers["Retry-After"]) == (503, "1")
        settings.PREDICT_TIME_LIMIT_SECONDS = 30
        with contextlib.ExitStack() as taken:
            for _ in range(settings.PREDICT_MAX_AT_ONCE):
                taken.enter_context(routing().places)
            status, headers = lane(address, body)
        assert (status, headers["Retry-After"]) == (503, "1")


@pytest.mark.usefixtures("churn")
def test_too_many_rows_and_rows_that_do_not_fit_are_413_and_422(lanes: Any, settings: Any) -> None:
    settings.PREDICT_MAX_ROWS = 1
    for lane in lanes:
        assert lane(ADDRESS, {"instances": [ROW, ROW]})[0] == 413
        assert lane(ADDRESS, {"instances": [{**ROW, "age": "old"}]})[0] == 422


def shipped(path: str) -> list[dict[str, Any]]:
    rows = lake.read_window(path)
    return [] if rows is None else rows.to_pylist()


def ship(settings: Any) -> None:
    routing().log.close()
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()


def test_failed_requests_are_kept_apart_with_their_true_status(
    churn: Endpoint, lanes: Any, settings: Any
) -> None:
    for lane in lanes:
        lane(ADDRESS, {"instances": [{**ROW, "age": "old"}]})
    lanes[0](ADDRESS, {"instances": [ROW]})
    ship(settings)
    failed = shipped(failures_path(churn.project_id))
    assert [(one["status"], one["code"], one["dialect"]) for one in failed] == [
        (422, "input_refused", "native")
    ] * 2
    assert {one["endpoint_id"] for one in failed} == {churn.pk}
    assert all(one["token_prefix"] and one["request_id"] for one in failed)
    assert len(shipped(log_path(churn.project_id))) == 1
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
    assert len(shipped(failures_path(churn.project_id))) == 2


def test_a_failed_request_survives_its_passage() -> None:
    one = FailedRequest(
        1, 2, 3, 4, "r", "t", datetime(2026, 1, 2, 3, tzinfo=UTC), "v2", 503, "c", 7
    )
    assert decode_failure(encode_failure(one)) == one
    assert decode_failure(b'{"failed":1,"project":"x"}') is None
    assert decode_failure(b'{"project":1}') is None


def test_redaction_hides_columns_and_keeps_equal_values_equal() -> None:
    policy = LogPolicy(1.0, {"a": "drop", "b": "hash"}, b"key")
    rows = policy.redacted([{"a": 1, "b": "x", "c": 3}, {"a": 2, "b": "x", "c": None}])
    block = policy.redacted(FeatureBlock(["a", "b", "c"], [[1, 2], ["x", "x"], [3, None]]))
    assert rows == block
    first, second = rows  # type: ignore[misc]
    assert set(first) == {"b", "c"}
    assert first["b"] == second["b"] != "x"
    assert first["b"] != LogPolicy(1.0, {"b": "hash"}, b"other").redacted([{"b": "x"}])[0]["b"]  # type: ignore[index]


def test_the_log_keeps_what_the_endpoint_says(
    churn: Endpoint, lanes: Any, settings: Any, principal_as: Callable[[Role], Principal]
) -> None:
    admin = principal_as(Role.ADMIN)
    change_log_policy(
        principal=admin, endpoint=churn, log_redaction={"region": "hash", "age": "drop"}
    )
    assert lanes[0](ADDRESS, {"instances": [ROW]})[0] == 200
    change_log_policy(principal=admin, endpoint=churn, log_share=0.0)
    routing().look()
    assert lanes[0](ADDRESS, {"instances": [ROW]})[0] == 200
    ship(settings)
    (row,) = shipped(log_path(churn.project_id))
    features = json.loads(row["features"])
    assert set(features) == set(ROW) - {"age"}
    assert features["region"] != ROW["region"]
    with pytest.raises(Invalid, match="nothing"):
        change_log_policy(principal=admin, endpoint=churn, log_redaction={"nothing": "drop"})


def test_old_predictions_are_deleted_once_a_day(
    churn: Endpoint,
    lanes: Any,
    settings: Any,
    principal_as: Callable[[Role], Principal],
    run_job: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes[0](ADDRESS, {"instances": [ROW]})
    lanes[0](ADDRESS, {"instances": [{}]})
    ship(settings)
    change_log_policy(principal=principal_as(Role.ADMIN), endpoint=churn, log_retention_days=3)
    (job,) = ask_for_log_retention()
    assert [one.pk for one in ask_for_log_retention()] == [job.pk]
    run_job(job)
    assert len(shipped(log_path(churn.project_id))) == 1
    later = datetime.now(UTC) + timedelta(days=5)
    for module in ("asking", "log_retention"):
        monkeypatch.setattr(f"serving.execution.{module}.now", lambda: later)
    (second,) = ask_for_log_retention()
    done = run_job(second)
    assert (done.status, done.result["deleted"]) == ("succeeded", {"churn": 2})
    assert shipped(log_path(churn.project_id)) == shipped(failures_path(churn.project_id)) == []


def test_the_terms_of_the_log_are_set_by_rest(
    churn: Endpoint, api: Callable[..., APIClient]
) -> None:
    wanted = {"log_share": 0.5, "log_redaction": {"age": "hash"}, "log_retention_days": 30}
    client = api(Role.DEPLOYER)
    found = client.patch("/api/v1/endpoints/churn/", wanted, format="json")
    assert found.status_code == 200, found.content
    assert {name: found.json()[name] for name in wanted} == wanted
    bad = client.patch("/api/v1/endpoints/churn/", {"log_redaction": {"age": "x"}}, format="json")
    assert bad.status_code == 422


def test_whom_a_request_is_about_is_told_in_few_characters_wherever_it_is_asked(
    api: Callable[..., APIClient], principal: Principal
) -> None:
    create_endpoint(principal=principal, name="churn", model=promoted(principal).model)
    client = api()
    secret = secret_of(client)
    longest = "Zwölf" * 40
    sent = longest.encode().decode("latin-1")  # as WSGI hands the bytes over
    assert answered(secret, {"instances": [ROW]}, HTTP_X_ENTITY_KEY=sent).status == 200
    refused = answered(secret, {"instances": [ROW]}, HTTP_X_ENTITY_KEY=sent + "!")
    assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "X-Entity-Key")
    by_django = client.post(URL, {"instances": [ROW]}, headers={"X-Entity-Key": "x" * 201})
    assert (by_django.status_code, by_django.json()["errors"][0]["field"]) == (422, "X-Entity-Key")
