"""Looking for predictions: the newest first, page by page, with what really happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Project, Role
from core.errors import Invalid
from core.ids import uuid7_texts
from datasets import lake
from monitoring.models import GroundTruth
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.prediction_log import LoggedRequest, encode_request, read_record
from serving.prediction_log.table import PARTITION_BY, SCHEMA, rows_of
from serving.routing import routing
from serving.selectors.predictions import log_path
from serving.selectors.search import Search, search_log
from tests.serving.versions import ROW

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
PREDICT = "/api/v1/endpoints/churn/predict/"


def fill(project_id: int, count: int, *, files: int = 3) -> list[str]:
    """Write predictions, ten minutes apart in pairs of the same moment; return their ids, the oldest first."""
    ids = sorted(uuid7_texts(count))
    requests = [
        LoggedRequest(
            project_id=project_id,
            endpoint_id=1 + place % 2,
            deployment_id=1,
            model_version_id=5 + place % 3,
            request_id=f"r{place}",
            token_prefix="mine",
            at=START + timedelta(minutes=10 * (place // 2)),
            prediction_ids=[ids[place]],
            instances=[{"a": place}],
            predictions=[place],
            entity_key=f"customer {place % 4}",
        )
        for place in range(count)
    ]
    for number in range(files):
        rows = rows_of([read_record(encode_request(one)) for one in requests[number::files]])
        lake.append(
            log_path(project_id), rows, transaction=("t", number + 1), partition_by=PARTITION_BY
        )
    return ids


def walked(search: Search, limit: int) -> list[str]:
    found: list[str] = []
    before = ""
    while True:
        page = search_log(
            project_id=7, search=Search(**{**_values(search), "before": before}), limit=limit
        )
        found += [row["prediction_id"] for row in page.rows]
        if not page.next:
            return found
        before = page.next


def _values(search: Search) -> dict[str, Any]:
    return {name: getattr(search, name) for name in search.__slots__}


def test_pages_walk_through_all_days_and_miss_nothing() -> None:
    ids = fill(7, 41)
    assert walked(Search(), 6) == ids[::-1]
    assert walked(Search(endpoint_id=2), 4) == ids[1::2][::-1]
    assert walked(Search(model_version_id=6), 100) == ids[1::3][::-1]
    assert walked(Search(request_id="r9"), 1) == [ids[9]]
    assert walked(Search(entity_key="customer 3"), 4) == ids[3::4][::-1]
    assert walked(Search(entity_key="customer 3", endpoint_id=1), 4) == []
    start, end = START + timedelta(hours=1), START + timedelta(hours=2, minutes=30)
    assert walked(Search(start=start, end=end), 5) == ids[12:30][::-1]
    assert walked(Search(request_id="nothing"), 5) == []
    with pytest.raises(Invalid):
        search_log(project_id=7, search=Search(before="yesterday"), limit=1)


def test_a_log_that_is_not_there_has_no_rows() -> None:
    assert search_log(project_id=8, search=Search(failed=True), limit=5).rows == ()


def test_a_log_of_long_ago_knows_of_nobody() -> None:
    old = pa.schema([field for field in SCHEMA if field.name != "entity_key"])
    lake.append(log_path(7), old.empty_table(), transaction=("t", 1), partition_by=PARTITION_BY)
    assert search_log(project_id=7, search=Search(entity_key="me"), limit=5).rows == ()


@pytest.mark.usefixtures("churn")
def test_predictions_are_found_by_whom_they_are_about(
    api: Callable[..., APIClient], settings: Any, client: Any, admin_user_: Any
) -> None:
    asker = api()
    ids = {
        key: asker.post(
            PREDICT, {"instances": [ROW]}, format="json", headers={"X-Entity-Key": key}
        ).json()["prediction_ids"][0]
        for key in ("customer 7", "customer 77")
    }
    routing().log.close()
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
    found = asker.get("/api/v1/predictions/", {"entity_key": "customer 7"}).json()["results"]
    assert [(one["prediction_id"], one["entity_key"]) for one in found] == [
        (ids["customer 7"], "customer 7")
    ]
    one = asker.get(f"/api/v1/predictions/{ids['customer 77']}/").json()
    assert one["entity_key"] == "customer 77"
    refused = asker.get("/api/v1/predictions/", {"entity_key": "me", "status": "failed"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "entity_key")
    client.force_login(admin_user_)
    page = reverse("admin:serving_endpoint_predictions")
    shown = client.get(page, {"entity_key": "customer 77"}).content.decode()
    assert ids["customer 77"] in shown
    assert ids["customer 7"] not in shown
    both = client.get(page, {"entity_key": "me", "status": "failed"}).content.decode()
    assert "it is not known whom they were about" in both


def test_a_decision_is_shown_with_its_threshold(
    churn: Endpoint,
    api: Callable[..., APIClient],
    settings: Any,
    client: Any,
    admin_user_: Any,
) -> None:
    asker = api()
    bodies: list[dict[str, Any]] = [
        {"instances": [ROW], "threshold": 0.0625},
        {"instances": [ROW]},
    ]
    decided, plain = (
        asker.post(PREDICT, body, format="json").json()["prediction_ids"][0] for body in bodies
    )
    client.force_login(admin_user_)
    for ships in (False, True):
        if ships:
            routing().log.close()
            Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
        one = asker.get(f"/api/v1/predictions/{decided}/").json()
        assert (one["decision"], one["threshold"]) == ("yes", 0.0625)
        other = asker.get(f"/api/v1/predictions/{plain}/").json()
        assert (other["decision"], other["threshold"]) == (None, None)
        pages = [
            client.get(
                reverse("admin:serving_endpoint_prediction", args=[churn.project_id, prediction])
            ).content.decode()
            for prediction in (decided, plain)
        ]
        assert "<b>yes</b>, at the threshold 0.0625" in pages[0]
        assert "at the threshold" not in pages[1]
    rows = asker.get("/api/v1/predictions/").json()["results"]
    assert [(one["decision"], one["threshold"]) for one in rows] == [(None, None), ("yes", 0.0625)]


def asked(client: APIClient, settings: Any) -> str:
    """Ask for a prediction and for one that is refused; ship both, and return the id."""
    answer = client.post(PREDICT, {"instances": [ROW]}, format="json").json()
    client.post(PREDICT, {"instances": [{}]}, format="json")
    routing().log.close()
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
    found: str = answer["prediction_ids"][0]
    return found


def test_rest_shows_predictions_failures_and_the_truth(
    churn: Endpoint,
    api: Callable[..., APIClient],
    settings: Any,
    other_project: Project,
    django_assert_max_num_queries: Any,
) -> None:
    client = api()
    prediction = asked(client, settings)
    with django_assert_max_num_queries(8):
        (row,) = client.get("/api/v1/predictions/", {"endpoint": "churn"}).json()["results"]
    assert (row["prediction_id"], row["features"]) == (prediction, ROW)
    (failed,) = client.get("/api/v1/predictions/", {"status": "failed"}).json()["results"]
    assert (failed["status"], failed["code"]) == (422, "input_refused")
    address = f"/api/v1/predictions/{prediction}/"
    assert client.get(address).json()["ground_truth"] is None
    GroundTruth.objects.create(
        project_id=churn.project_id,
        endpoint=churn,
        prediction_id=prediction,
        value="no",
        predicted_at=datetime.now(UTC),
    )
    one = client.get(address).json()
    assert (one["ground_truth"], one["prediction"]) == ("no", row["prediction"])
    assert client.get(one["lineage"]).status_code == 200
    stranger = api(in_project=other_project)
    assert stranger.get(address).status_code == 404
    assert stranger.get("/api/v1/predictions/").json() == {"results": [], "next": ""}
    for wrong in ({"endpoint": "x"}, {"colour": "red"}, {"limit": "0"}, {"before": "x"}):
        assert client.get("/api/v1/predictions/", wrong).status_code == 422


def test_the_admin_finds_and_shows_a_prediction(
    churn: Endpoint, api: Callable[..., APIClient], settings: Any, client: Any, make_user: Any
) -> None:
    prediction = asked(api(), settings)
    page = reverse("admin:serving_endpoint_predictions")
    viewer = make_user(Role.VIEWER)
    viewer.is_staff = True
    viewer.save()
    client.force_login(viewer)
    found = client.get(page, {"project": churn.project_id, "endpoint": "churn"})
    assert found.status_code == 200
    address = reverse("admin:serving_endpoint_prediction", args=[churn.project_id, prediction])
    assert address in found.content.decode()
    shown = client.get(address).content.decode()
    assert prediction in shown
    assert "colour" in shown
    failed = client.get(page, {"status": "failed"}).content.decode()
    assert "input_refused" in failed
    assert "There is no such endpoint" in client.get(page, {"endpoint": "x"}).content.decode()
    outsider = make_user(Role.ADMIN, in_project=Project.objects.create(name="X", slug="x"))
    outsider.is_staff = True
    outsider.save()
    client.force_login(outsider)
    assert client.get(address).status_code == 404
    assert prediction not in client.get(page, {"project": churn.project_id}).content.decode()
