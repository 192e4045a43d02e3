"""What a batch scoring is asked for: decisions, refusals, by REST and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets.errors import DatasetNotShared
from datasets.schema import Column, ColumnType, Schema
from models_registry.decisions import ThresholdRefused, decided
from models_registry.runtimes import Scores
from models_registry.services import quarantine
from models_registry.signatures import Field, Signature
from models_registry.signatures.batches import read_rows
from serving import services
from serving.batch_scoring import AnswerTable
from serving.errors import ColumnsDoNotFit, ModelNotUsable, OutputRefused
from serving.models import BatchScoring
from tests.models_registry.fitting import frame_of
from tests.serving.batches import Run, scored, store
from tests.serving.versions import register


@pytest.mark.parametrize(
    ("own", "asked", "used"),
    [
        (None, None, None),
        (0.375, None, 0.375),
        (0.375, False, None),
        (None, True, 0.5),
        (0.375, True, 0.375),
        (0.375, 0.75, 0.75),
    ],
)
def test_a_threshold_adds_a_decision_to_each_row(
    principal_as: Callable[[Role], Principal],
    run_job: Run,
    own: float | None,
    asked: bool | float | None,
    used: float | None,
) -> None:
    principal = principal_as(Role.ADMIN)
    regions: list[Any] = frame_of()["region"].tolist()
    regions[70] = None
    model = register(principal)
    if own is not None:
        model.decision = {"threshold": own}
        model.save(update_fields=["decision"])
    scoring = services.score_dataset_version(
        principal=principal,
        model_version=model,
        dataset_version=store(principal, region=regions),
        threshold=asked,
    )
    assert scoring.threshold == used
    found = scored(scoring, run_job)
    assert scoring.output_version is not None
    assert scoring.output_version.source.get("threshold") == used
    if used is None:
        assert "decision" not in found.column_names
        return
    expected = [
        None if share is None else "yes" if share >= used else "no"
        for share in found["probability_yes"].to_pylist()
    ]
    assert found["decision"].to_pylist() == expected
    assert expected[70] is None
    assert {"yes", "no"} <= set(expected)


def test_a_decision_about_anomalies_is_true_or_false_and_gives_way_to_a_kept_name() -> None:
    signature = Signature((Field("x", "number"),), "anomaly")
    kept = Schema((Column("decision", ColumnType.INTEGER),))
    table = AnswerTable.of(signature, kept, version_number=3, decides=True)
    given = pa.record_batch({"x": [1.0, 1e300, 9.0], "decision": [7, 8, 9]})
    scores = Scores([0.4, 0.5, 0.6], None)
    batch = table.batch(
        given,
        read_rows(signature, given),
        scores,
        first_row=0,
        decisions=decided(signature, scores, 0.5),
    )
    assert batch["decision"].to_pylist() == [7, 8, 9]
    assert batch["decision_scored"].to_pylist() == [False, None, True]
    assert batch["prediction"].to_pylist() == [0.4, None, 0.6]


def test_classes_of_several_kinds_are_texts() -> None:
    signature = Signature((Field("x", "number"),), "classification", classes=(1, "two"))
    table = AnswerTable.of(signature, Schema(()), version_number=3)
    given = pa.record_batch({"x": [1.0, 1e300, 9.0]})
    scores = Scores([1, 1, "two"], np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]))
    batch = table.batch(given, read_rows(signature, given), scores, first_row=0)
    assert batch["prediction"].to_pylist() == ["1", None, "two"]
    assert batch["probability_two"].to_pylist() == [0.1, None, 0.8]


def test_models_without_a_decision_refuse_a_threshold_of_a_batch(
    principal_as: Callable[[Role], Principal],
) -> None:
    principal = principal_as(Role.ADMIN)
    model = register(principal, "random_forest", "multiclass")
    with pytest.raises(ThresholdRefused) as refusal:
        services.score_dataset_version(
            principal=principal,
            model_version=model,
            dataset_version=store(principal),
            threshold=0.5,
        )
    assert refusal.value.field == "threshold"
    assert not BatchScoring.objects.exists()


def test_columns_that_do_not_fit_are_named(principal_as: Callable[[Role], Principal]) -> None:
    principal = principal_as(Role.ADMIN)
    version = store(principal, age=["many"] * 400)
    with pytest.raises(ColumnsDoNotFit) as refusal:
        services.score_dataset_version(
            principal=principal, model_version=register(principal), dataset_version=version
        )
    (error,) = refusal.value.errors
    assert error.field == "dataset_version.age"
    assert not BatchScoring.objects.exists()


def test_what_may_not_be_used_is_refused(
    principal_as: Callable[[Role], Principal], other_project: Project, make_user: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    with pytest.raises(OutputRefused):
        services.score_dataset_version(
            principal=principal,
            model_version=model,
            dataset_version=version,
            output_dataset="people",
        )
    quarantine(principal=principal, version=model, reason="looks odd")
    model.refresh_from_db()
    with pytest.raises(ModelNotUsable):
        services.score_dataset_version(
            principal=principal, model_version=model, dataset_version=version
        )
    with pytest.raises(DomainError):
        services.score_dataset_version(
            principal=principal_as(Role.VIEWER), model_version=model, dataset_version=version
        )


def test_rows_of_another_project_are_not_scored(
    principal_as: Callable[[Role], Principal], other_project: Project
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    version.dataset.project = other_project
    version.dataset.save()
    with pytest.raises(DatasetNotShared):
        services.score_dataset_version(
            principal=principal, model_version=model, dataset_version=version
        )


def test_it_is_asked_for_and_looked_at_by_rest(
    api: Callable[..., APIClient],
    principal_as: Callable[[Role], Principal],
    run_all_jobs: Any,
    django_assert_max_num_queries: Any,
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    services_client = api(Role.EDITOR)
    wanted = {"model_version": model.pk, "dataset_version": version.pk}
    answers = [
        services_client.post(
            "/api/v1/batch-scorings/", wanted, format="json", headers={"Idempotency-Key": "once"}
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0]["Location"] == answers[1]["Location"]
    run_all_jobs()
    with django_assert_max_num_queries(8):
        listed = services_client.get("/api/v1/batch-scorings/").json()
    (one,) = listed["results"]
    assert (one["status"], one["rows"], one["rows_refused"]) == ("succeeded", 400, 0)
    assert services_client.get(f"/api/v1/batch-scorings/{one['id']}/").json() == one
    assert one["threshold"] is None
    for threshold, status in ((0.25, 202), (False, 202), ("high", 422), (3, 422), ({}, 422)):
        decided = services_client.post(
            "/api/v1/batch-scorings/", {**wanted, "threshold": threshold}, format="json"
        )
        assert decided.status_code == status, decided.content
        if status == 422:
            assert decided.json()["errors"][0]["field"] == "threshold"
    newest = services_client.get("/api/v1/batch-scorings/").json()["results"]
    assert [row["threshold"] for row in newest] == [None, 0.25, None]
    reused = services_client.post(
        "/api/v1/batch-scorings/",
        {**wanted, "threshold": 0.25},
        format="json",
        headers={"Idempotency-Key": "once"},
    )
    assert reused.status_code in (409, 422)
    missing = services_client.post(
        "/api/v1/batch-scorings/", {"dataset_version": version.pk}, format="json"
    )
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "model_version")
    unknown = services_client.post(
        "/api/v1/batch-scorings/",
        {"dataset_version": version.pk, "model": "churn", "alias": "champion"},
        format="json",
    )
    assert unknown.status_code == 422


def test_it_is_asked_for_and_looked_at_in_the_admin(
    client: Any, admin_user_: Any, principal_as: Callable[[Role], Principal], run_all_jobs: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    client.force_login(admin_user_)
    add = reverse("admin:serving_batchscoring_add")
    assert client.get(add, {"model_version": model.pk}).status_code == 200
    asked = client.post(
        add,
        {
            "model_version": model.pk,
            "dataset_version": version.pk,
            "keep": "all",
            "output_dataset": "",
            "threshold": "0.25",
        },
    )
    scoring = BatchScoring.objects.get()
    assert scoring.threshold == 0.25
    assert asked["Location"] == reverse("admin:serving_batchscoring_change", args=[scoring.pk])
    assert client.get(asked["Location"]).status_code == 200
    run_all_jobs()
    page = client.get(asked["Location"]).content.decode()
    assert "people scored by churn v1" in page
    assert client.get(reverse("admin:serving_batchscoring_changelist")).status_code == 200
    refused = client.post(
        add,
        {
            "model_version": model.pk,
            "dataset_version": version.pk,
            "keep": "all",
            "output_dataset": "people",
        },
    )
    assert "Answers do not go among the rows" in refused.content.decode()
