"""Ground truth, drift reports and alerts, on real predictions of a real model."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient
from sklearn.datasets import load_breast_cancer

from accounts.models import Project, Role
from accounts.principals import Principal
from core.clock import now
from core.ids import uuid7
from jobs.models import Job
from monitoring import execution, services
from monitoring.errors import IllegalAlertMove
from monitoring.models import (
    NEXT_ALERT_STATUSES,
    Alert,
    AlertStatus,
    DriftReport,
    GroundTruth,
    MonitoringPolicy,
)
from monitoring.selectors import labelled_predictions
from monitoring.services import Label
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.routing import routing
from tests.serving.conftest import (  # noqa: F401 (fixtures)
    FEATURES,
    champion,
    churn,
    endpoint,
    train,
    training_data,
)

Api = Callable[..., APIClient]
PREDICT = "/api/v1/endpoints/tumour/predict/"
REPORTS = "/api/v1/endpoints/tumour/drift-reports/"


@pytest.fixture
def ask(api: Api, endpoint: Endpoint) -> Callable[..., tuple[list[str], list[str]]]:  # noqa: F811
    """Return a function that asks about real rows and gives prediction ids and true labels."""
    frame = load_breast_cancer(as_frame=True).frame

    def send(rows: slice, *, unit: float = 1.0) -> tuple[list[str], list[str]]:
        chosen = frame.iloc[rows]
        values = chosen[FEATURES].copy()
        values["mean radius"] *= unit
        answer = api().post(PREDICT, {"instances": values.to_dict("records")})
        assert answer.status_code == 200, answer.content
        truth = chosen["target"].map({0: "malignant", 1: "benign"}).tolist()
        return answer.json()["prediction_ids"], truth

    return send


def ship() -> None:
    routing().log.close()
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()


def pairs(ids: list[str], values: list[Any]) -> dict[str, Any]:
    labels = [{"prediction_id": a, "value": b} for a, b in zip(ids, values, strict=True)]
    return {"labels": labels}


def test_labels_are_taken_at_once_again_and_changed(
    api: Api, ask: Callable[..., tuple[list[str], list[str]]], principal: Principal
) -> None:
    ids, truth = ask(slice(0, 3))
    client = api(Role.EDITOR)
    first = client.post("/api/v1/ground-truth/", pairs(ids, truth))
    assert first.json() == {"accepted": 3, "changed": 0, "rejected": []}
    again = client.post("/api/v1/ground-truth/", pairs(ids, truth))
    assert again.json() == {"accepted": 3, "changed": 0, "rejected": []}
    other = client.post("/api/v1/ground-truth/", pairs(ids[:1], ["benign"]))
    assert other.json()["changed"] == 1
    row = GroundTruth.objects.get(prediction_id=ids[0])
    change = row.changes.get()
    assert (row.value, change.old_value, change.new_value) == ("benign", "malignant", "benign")


def test_labels_that_cannot_be_taken_are_listed_with_the_reason(
    api: Api, ask: Callable[..., tuple[list[str], list[str]]], other_project: Project
) -> None:
    ids, _ = ask(slice(0, 2))
    body = pairs(
        [ids[0], ids[1], str(uuid7()), str(UUID(int=1))], ["benign", "purple", "benign", 1]
    )
    answer = api().post("/api/v1/ground-truth/", body).json()
    assert answer["accepted"] == 1
    assert [(one["index"], one["prediction_id"]) for one in answer["rejected"]] == [
        (1, ids[1]),
        (2, body["labels"][2]["prediction_id"]),
        (3, body["labels"][3]["prediction_id"]),
    ]
    assert "purple" in answer["rejected"][0]["reason"]
    stranger = api(in_project=other_project).post(
        "/api/v1/ground-truth/", pairs(ids, ["benign"] * 2)
    )
    assert stranger.json()["accepted"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "labels"),
        ({"labels": []}, "labels"),
        ({"labels": [{"value": 1}]}, "labels[0].prediction_id"),
        ({"labels": [{"prediction_id": "x", "value": 1}]}, "labels[0].prediction_id"),
    ],
)
def test_a_bad_batch_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api().post("/api/v1/ground-truth/", body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_labels_need_the_right_to_write_and_few_queries(
    api: Api,
    ask: Callable[..., tuple[list[str], list[str]]],
    principal: Principal,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ids, truth = ask(slice(0, 60))
    assert api(Role.VIEWER).post("/api/v1/ground-truth/", pairs(ids, truth)).status_code == 403
    labels = [Label(UUID(key), value) for key, value in zip(ids, truth, strict=True)]
    with django_assert_max_num_queries(9):
        services.record_ground_truth(principal=principal, labels=labels)


def test_a_drifting_column_turns_the_report_red_and_opens_one_alert(
    api: Api,
    ask: Callable[..., tuple[list[str], list[str]]],
    run_job: Callable[[Job], Job],
    client: Client,
    admin_user_: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    rest = api()
    ids, truth = ask(slice(0, 569, 2))
    rest.post("/api/v1/ground-truth/", pairs(ids, truth))
    ship()
    asked = rest.post(REPORTS, {})
    assert asked.status_code == 202
    job = run_job(Job.objects.get(pk=asked.json()["job"]["id"]))
    assert job.status == "succeeded", job.error_message
    quiet = rest.get(f"/api/v1/drift-reports/{job.result['drift_report']}/").json()
    assert quiet["verdict"] == "no_drift", quiet["columns"]
    assert quiet["label_coverage"] == 1.0
    assert quiet["performance"]["metrics"]["accuracy"] > 0.85
    assert Alert.objects.count() == 0

    moment = now()
    ask(slice(1, 569, 2), unit=0.03937)
    ship()
    for expected in (1, 2):
        asked = rest.post(REPORTS, {"start": moment.isoformat(), "end": now().isoformat()})
        job = run_job(Job.objects.get(pk=asked.json()["job"]["id"]))
        assert job.status == "succeeded", job.error_message
        report = DriftReport.objects.get(pk=job.result["drift_report"])
        verdicts = dict(report.columns.values_list("column", "verdict"))
        assert verdicts["mean radius"] == "drift"
        assert verdicts["mean texture"] == verdicts["mean smoothness"] == "no_drift"
        alert = Alert.objects.get()
        assert alert.occurrences == expected
        assert "mean radius" in alert.title
    assert report.data_quality["columns"]["mean radius"]["below_range"] > 0.9
    assert report.label_coverage == 0.0
    assert report.performance["status"] == "not_enough_data"

    client.force_login(admin_user_)
    page = client.get(f"/admin/monitoring/driftreport/{report.pk}/change/")
    assert page.status_code == 200
    assert "Drift in mean radius" in page.content.decode()
    for name in ("driftreport", "alert", "groundtruth", "monitoringpolicy"):
        assert client.get(f"/admin/monitoring/{name}/").status_code == 200
    assert client.get(f"/admin/monitoring/alert/{alert.pk}/change/").status_code == 200
    policy = MonitoringPolicy.objects.get()
    assert client.get(f"/admin/monitoring/monitoringpolicy/{policy.pk}/change/").status_code == 200
    client.post(f"/admin/monitoring/alert/{alert.pk}/acknowledge/")
    alert.refresh_from_db()
    assert alert.status == AlertStatus.ACKNOWLEDGED
    with django_assert_max_num_queries(6):
        assert len(rest.get("/api/v1/drift-reports/").json()["results"]) == 3
    with django_assert_max_num_queries(6):
        assert len(rest.get("/api/v1/alerts/?status=acknowledged").json()["results"]) == 1


def test_a_small_window_is_not_enough_and_an_empty_one_too(
    api: Api, ask: Callable[..., tuple[list[str], list[str]]], run_job: Callable[[Job], Job]
) -> None:
    for rows in (0, 10):
        if rows:
            ask(slice(0, rows))
            ship()
        job = run_job(Job.objects.get(pk=api().post(REPORTS, {}).json()["job"]["id"]))
        assert job.status == "succeeded", job.error_message
        assert job.result["verdict"] == "not_enough_data"


def test_a_window_must_have_a_length(api: Api, endpoint: Endpoint) -> None:  # noqa: F811
    moment = now().isoformat()
    answer = api().post(REPORTS, {"start": moment, "end": moment})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "start")
    assert api().post("/api/v1/endpoints/none/drift-reports/", {}).status_code == 404


def test_labelled_predictions_come_in_the_order_of_their_labels(
    api: Api,
    ask: Callable[..., tuple[list[str], list[str]]],
    endpoint: Endpoint,  # noqa: F811
) -> None:
    ids, truth = ask(slice(0, 4))
    order = [2, 0, 3]
    for index in order:
        api().post("/api/v1/ground-truth/", pairs([ids[index]], [truth[index]]))
    assert labelled_predictions(endpoint=endpoint, newest=10).empty
    ship()
    rows = labelled_predictions(endpoint=endpoint, newest=10)
    assert rows["prediction_id"].tolist() == [ids[index] for index in order]
    assert rows["label"].tolist() == [truth[index] for index in order]
    assert all(set(FEATURES) == set(one) for one in rows["features"])
    assert labelled_predictions(endpoint=endpoint, newest=2)["prediction_id"].tolist() == [
        ids[index] for index in order[1:]
    ]


def test_scheduled_reports_are_queued_once_an_hour_for_endpoints_that_were_asked(
    ask: Callable[..., tuple[list[str], list[str]]],
    endpoint: Endpoint,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask(slice(0, 3))
    ship()
    later = now() + timedelta(hours=1)
    monkeypatch.setattr("monitoring.execution.scheduling.now", lambda: later)
    first = execution.run_scheduled_reports()
    assert [job.kind for job in first] == ["drift_report"]
    assert execution.run_scheduled_reports() == first
    MonitoringPolicy.objects.update(enabled=False)
    assert execution.run_scheduled_reports() == []


def test_policies_are_read_and_changed_within_bounds(api: Api, endpoint: Endpoint) -> None:  # noqa: F811
    url = "/api/v1/endpoints/tumour/monitoring-policy/"
    assert api(Role.VIEWER).get(url).json()["drift_level"] == 0.01
    assert api(Role.EDITOR).patch(url, {"drift_level": 0.05}).status_code == 403
    assert api().patch(url, {"drift_level": 0.05}).json()["drift_level"] == 0.05
    refused = api().patch(url, {"drift_level": 0, "window_hours": -1})
    assert refused.status_code == 422
    assert {one["field"] for one in refused.json()["errors"]} == {"drift_level", "window_hours"}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(AlertStatus, AlertStatus)))
def test_alerts_move_as_the_diagram_says(
    churn: Endpoint,  # noqa: F811
    principal: Principal,
    before: AlertStatus,
    after: AlertStatus,
) -> None:
    moves = {
        AlertStatus.ACKNOWLEDGED: services.acknowledge_alert,
        AlertStatus.RESOLVED: services.resolve_alert,
        AlertStatus.SUPPRESSED: services.suppress_alert,
        AlertStatus.OPEN: services.reopen_alert,
    }
    alert = Alert.objects.create(
        project=churn.project,
        endpoint=churn,
        kind="drift",
        fingerprint="f",
        title="t",
        status=before,
    )
    if after in NEXT_ALERT_STATUSES[before]:
        moved = moves[after](principal=principal, alert=alert)
        assert moved.status == after
        assert (moved.resolved_at is not None) == (after == AlertStatus.RESOLVED)
    else:
        with pytest.raises(IllegalAlertMove):
            moves[after](principal=principal, alert=alert)
