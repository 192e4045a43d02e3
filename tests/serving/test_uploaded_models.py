"""Uploaded models behind endpoints: the same wire, the same dialects, the same log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.principals import Principal
from jobs.models import Job
from models_registry.models import ModelVersion
from models_registry.runtimes import Scores
from models_registry.runtimes.uploaded import RowsNotComputed
from models_registry.services import promote, upload_model, waive
from models_registry.signatures import Columns
from serving.lineage import prediction_lineage
from serving.models import Endpoint
from serving.routing.routes import _answer_once, _some_rows
from serving.services import create_endpoint
from tests.models_registry import onnx_files as files
from tests.models_registry.fitting import fit
from tests.serving.wire import answered, secret_of

ROWS = [{"size": 2.0, "weight": -1.0, "age": 0.5}, {"size": -2.0, "weight": 1.0, "age": 0.0}]
VALUES = [list(row.values()) for row in ROWS]
TENSOR = {"name": "input", "shape": [2, 3], "datatype": "FP32", "data": VALUES}


@pytest.fixture
def endpoint(principal: Principal, run_job: Callable[[Job], Job]) -> Endpoint:
    """An endpoint whose champion is a tree of another library."""
    job = upload_model(
        principal=principal,
        file=SimpleUploadedFile("tree.onnx", files.like_xgboost().SerializeToString()),
        model="churn",
        task="classification",
        signature={"inputs": list(ROWS[0]), "classes": ["no", "yes"]},
    )
    version = ModelVersion.objects.get(pk=run_job(job).result["model_version"])
    waive(principal=principal, version=version, reason="measured where it was made")
    promote(principal=principal, version=version)
    return create_endpoint(principal=principal, name="churn", model=version.model)


def test_every_dialect_gives_the_same_answer_from_the_fast_lane(
    endpoint: Endpoint, api: Callable[..., APIClient]
) -> None:
    secret = secret_of(api())
    native = answered(secret, {"instances": ROWS}).json()
    assert native["predictions"] == ["yes", "no"]
    assert native["classes"] == ["no", "yes"]
    asked: list[tuple[str, Any, Callable[[Any], Any]]] = [
        ("/v1/models/churn:predict", {"instances": VALUES}, lambda body: body["predictions"]),
        ("/v2/models/churn/infer", {"inputs": [TENSOR]}, lambda body: body["outputs"][0]["data"]),
        (
            "/serve/demo/churn/invocations",
            {"dataframe_split": {"columns": list(ROWS[0]), "data": VALUES}},
            lambda body: body["predictions"],
        ),
    ]
    for url, body, labels in asked:
        assert labels(answered(secret, body, url).json()) == ["yes", "no"], url
    shares = answered(
        secret,
        {"inputs": [TENSOR], "outputs": [{"name": "predict_proba"}]},
        "/v2/models/churn/infer",
    ).json()["outputs"][0]["data"]
    assert shares == [share for row in native["probabilities"] for share in row]


def test_rows_that_do_not_fit_are_refused_as_by_any_other_model(
    endpoint: Endpoint, api: Callable[..., APIClient]
) -> None:
    refused = answered(secret_of(api()), {"instances": [{**ROWS[0], "size": None}]})
    assert refused.status == 422
    assert refused.json()["errors"][0]["field"] == "instances[0].size"


def test_a_graph_that_cannot_compute_some_rows_is_served_and_refuses_those_alone(
    principal: Principal, api: Callable[..., APIClient], run_job: Callable[[Job], Job]
) -> None:
    job = upload_model(
        principal=principal,
        file=SimpleUploadedFile("unit.onnx", files.like_tensorflow().SerializeToString()),
        model="churn",
        task="classification",
        signature={
            "inputs": [{"name": "size", "nullable": True}, "weight", "age"],
            "classes": ["no", "yes"],
        },
    )
    version = ModelVersion.objects.get(pk=run_job(job).result["model_version"])
    waive(principal=principal, version=version, reason="measured where it was made")
    promote(principal=principal, version=version)
    create_endpoint(principal=principal, name="churn", model=version.model)
    secret = secret_of(api())
    assert answered(secret, {"instances": ROWS}).json()["predictions"] == ["yes", "no"]
    refused = answered(secret, {"instances": [{**ROWS[0], "size": None}]})
    assert (refused.status, refused.json()["code"]) == (422, "rows_not_computed")


class Strict:
    """A runtime that computes rows with these values of the first input, and no batch."""

    name = "strict"

    def __init__(self, *computed: float) -> None:
        self._computed = computed

    def predict(self, columns: Columns) -> Scores:
        """Answer one row."""
        if columns.row_count > 1 or columns.numeric[0, 0] not in self._computed:
            raise RowsNotComputed("row 0: the model's answer is no finite number.")
        return Scores(["no"], None)


def test_a_model_that_computes_none_of_some_plain_rows_is_not_loaded() -> None:
    rows = _some_rows(fit("logistic", "binary").signature)
    for runtime in (Strict(0.0), Strict(1.0)):
        _answer_once(runtime, rows)
    with pytest.raises(RowsNotComputed):
        _answer_once(Strict(), rows)


def test_an_answer_leads_back_to_who_uploaded_the_model(
    endpoint: Endpoint, api: Callable[..., APIClient], principal: Principal
) -> None:
    said = answered(secret_of(api()), {"instances": ROWS}).json()
    lineage = prediction_lineage(
        project_id=principal.project_id, prediction_id=UUID(said["prediction_ids"][0])
    )
    assert lineage["upload"]["by"] == principal.username
    assert lineage["upload"]["filename"] == "tree.onnx"
    assert lineage["run"] is None
