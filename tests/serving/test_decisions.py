"""Decisions on request: in the native wire and in Open Inference, in the log, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets import lake
from models_registry.models import ModelVersion
from serving import services
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.prediction_log import encode_request, read_record
from serving.prediction_log.table import rows_of
from serving.protocols import Envelope
from serving.protocols.mlflow_scoring import MlflowScoring
from serving.routing import routing
from serving.selectors.predictions import log_path
from tests.serving.test_predictions import Log, ask, made, refused, route
from tests.serving.versions import ROW, register
from tests.serving.wire import URL, answered, secret_of

Api = Callable[..., APIClient]


def test_a_decision_is_given_and_logged_where_it_is_asked_for() -> None:
    log = Log()
    plain = ask({"instances": [ROW, ROW]}, log=log)
    assert "decisions" not in plain
    low = ask({"instances": [ROW], "threshold": 0.0}, log=log)
    high = ask({"threshold": 1.0, "instances": [ROW]}, log=log)
    assert (low["decisions"], low["threshold"]) == (["yes"], 0.0)
    assert (high["decisions"], high["threshold"]) == (["no"], 1.0)
    assert low["predictions"] == high["predictions"] == plain["predictions"][:1]
    rows = rows_of([read_record(encode_request(one)) for one in log.records]).to_pylist()
    assert [row["decision"] for row in rows] == [None, None, '"yes"', '"no"']
    assert [row["threshold"] for row in rows] == [None, None, 0.0, 1.0]


def test_false_asks_for_nothing() -> None:
    assert "decisions" not in ask({"instances": [ROW], "threshold": False})


@pytest.mark.parametrize("threshold", ["high", [0.5], {"value": 1}, 10**400, -(10**400)])
def test_a_threshold_that_is_no_number_is_malformed(threshold: Any) -> None:
    refusal = refused({"instances": [ROW], "threshold": threshold})
    assert (refusal.code, refusal.field) == ("body_malformed", "threshold")


def test_a_twin_beside_the_rows_is_refused() -> None:
    body = b'{"threshold": 0.1, "threshold": 0.9, "instances": [{}]}'
    assert refused(body).field == "threshold"


def test_models_without_a_decision_refuse_a_threshold() -> None:
    for estimator, kind in (("ridge", "regression"), ("logistic", "multiclass")):
        refusal = refused({"instances": [ROW], "threshold": True}, at=route(estimator, kind))  # type: ignore[arg-type]
        assert (refusal.code, refusal.field) == ("threshold_refused", "threshold")


def test_the_versions_threshold_is_used_until_the_endpoint_has_its_own(
    churn: Endpoint, api: Api, principal: Principal
) -> None:
    ModelVersion.objects.update(decision={"threshold": 0.0})
    client = api(Role.ADMIN)
    secret = secret_of(client)
    said = answered(secret, {"instances": [ROW], "threshold": True}).json()
    assert (said["threshold"], said["decisions"]) == (0.0, ["yes"])
    address = f"/api/v1/endpoints/{churn.name}/"
    changed = client.patch(address, {"decision_threshold": 1.0}, format="json")
    assert changed.json()["decision_threshold"] == 1.0
    event = AuditEvent.objects.filter(action="endpoint.threshold_changed").get()
    assert event.changes == {"decision_threshold": [None, 1.0]}
    routing().look()
    said = answered(secret, {"instances": [ROW], "threshold": True}).json()
    assert (said["threshold"], said["decisions"]) == (1.0, ["no"])
    assert client.patch(address, {"decision_threshold": None}, format="json").status_code == 200
    wrong = client.patch(address, {"decision_threshold": 3}, format="json")
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "decision_threshold"


def test_a_version_that_is_asked_for_by_its_number_decides_at_its_own_threshold(
    churn: Endpoint, api: Api, principal: Principal
) -> None:
    other = register(principal, "random_forest")
    ModelVersion.objects.filter(pk=other.pk).update(decision={"threshold": 0.0})
    client = api(Role.ADMIN)
    body = {"instances": [ROW], "threshold": True}
    headers = {"X-Model-Version": str(other.number)}
    said = client.post(URL, body, format="json", headers=headers).json()
    assert (said["model_version"]["number"], said["threshold"]) == (other.number, 0.0)
    client.patch(f"/api/v1/endpoints/{churn.name}/", {"decision_threshold": 0.75}, format="json")
    said = client.post(URL, body, format="json", headers=headers).json()
    assert said["threshold"] == 0.75, "the endpoint's goes before the version's"


def test_open_inference_gives_the_decision_as_an_output(churn: Endpoint, api: Api) -> None:
    types = {"is_member": "BOOL", "age": "INT64", "region": "BYTES", "colour": "BYTES"}
    inputs = [
        {"name": name, "shape": [1], "datatype": types.get(name, "FP64"), "data": [value]}
        for name, value in ROW.items()
    ]
    secret, url = secret_of(api()), "/v2/models/churn/infer"
    body = {"inputs": inputs, "parameters": {"threshold": 0.0}}
    said = answered(secret, body, url).json()
    assert [one["name"] for one in said["outputs"]] == ["predict", "decision"]
    assert said["outputs"][1]["data"] == ["yes"]
    assert said["parameters"] == {"threshold": 0.0}
    wrong = answered(secret, {"inputs": inputs, "parameters": {"threshold": "x"}}, url)
    assert wrong.status == 400


def mlflow_body(**parameters: Any) -> dict[str, Any]:
    return {"dataframe_records": [ROW], "params": parameters}


def test_mlflows_parameters_make_decisions_of_predictions(churn: Endpoint, api: Api) -> None:
    secret, url = secret_of(api()), f"/serve/{churn.project.slug}/churn/invocations"
    for threshold, decision in ((0.0, "yes"), (1.0, "no")):
        said = answered(secret, mlflow_body(threshold=threshold), url)
        assert said.json() == {"predictions": [decision]}
        (identity,) = said.headers["X-Prediction-Ids"].split(",")
    routing().log.close()
    Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
    rows = lake.read_window(log_path(churn.project_id))
    assert rows is not None
    (logged,) = [row for row in rows.to_pylist() if row["prediction_id"] == identity]
    assert (logged["decision"], logged["threshold"]) == ('"no"', 1.0)
    usual = answered(secret, mlflow_body(threshold=True, predict_method="predict"), url)
    plain = answered(secret, mlflow_body(), url)
    assert usual.json() == plain.json(), "1/2 is what the larger probability is of two"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"threshold": "high"}, "params.threshold"),
        ({"threshold": 0.5, "predict_method": "predict_proba"}, "params.threshold"),
        ({"threshold": 7}, "threshold"),
    ],
)
def test_mlflows_parameters_that_make_no_sense_are_refused(
    parameters: dict[str, Any], field: str
) -> None:
    envelope = Envelope(json.dumps(mlflow_body(**parameters)).encode(), "application/json")
    with pytest.raises(DomainError) as refusal:
        made(envelope, route(), Log(), MlflowScoring())
    assert refusal.value.field == field


def test_both_lanes_decide_alike(churn: Endpoint, api: Api) -> None:
    client = api()
    body = {"instances": [ROW], "threshold": 0.25}
    fast = answered(secret_of(client), body).json()
    slow = client.post(URL, body, format="json").json()
    assert fast["decisions"] == slow["decisions"]
    assert slow["threshold"] == 0.25


def test_only_who_may_deploy_sets_a_threshold(
    churn: Endpoint, make_user: Any, project: Any
) -> None:
    from accounts.selectors import principal_of_user

    editor = principal_of_user(make_user(Role.EDITOR))
    with pytest.raises(DomainError):
        services.set_decision_threshold(principal=editor, endpoint=churn, threshold=0.4)
