"""Batch scoring: a dataset version in, a dataset version out, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.db import transaction
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets import lake
from datasets.errors import DatasetNotShared
from datasets.execution.recording import create_ready_version
from datasets.execution.writing import write_version
from datasets.lake import parts
from datasets.models import DatasetVersion
from datasets.schema import Column, ColumnType, Schema
from datasets.selectors.retention import uses_of_versions
from datasets.services import create_dataset
from jobs import execution as job_execution
from jobs.errors import JobCancelled
from jobs.execution import handlers
from jobs.models import Job
from models_registry.decisions import ThresholdRefused, decided
from models_registry.loading import load_version
from models_registry.runtimes import Scores
from models_registry.services import quarantine
from models_registry.signatures import Field, Signature
from models_registry.signatures.batches import read_rows
from serving import services
from serving.batch_scoring import AnswerTable, Shard, ShardFolder
from serving.errors import ColumnsDoNotFit, ModelNotUsable, OutputRefused
from serving.execution import scoring as execution
from serving.models import BatchScoring
from tests.models_registry.fitting import fit, frame_of
from tests.serving.versions import register

Run = Callable[[Job], Job]
SMALL = 64


def store(principal: Principal, name: str = "people", **changes: Any) -> DatasetVersion:
    """Return a version with the rows that the models were fitted on, and an id."""
    frame = frame_of().assign(**changes)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.add_column(0, "person_id", pa.array(np.arange(len(frame)) + 1000))
    dataset = create_dataset(principal=principal, name=name)
    written = write_version(
        dataset=dataset,
        table_or_batches=table.to_batches(max_chunksize=SMALL),
        transaction_id=name,
    )
    with transaction.atomic():
        return create_ready_version(
            principal=principal,
            dataset=dataset,
            written=written,
            parent=None,
            source={"kind": "test"},
            job_id=None,
        )


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write row groups of a few rows, and score each by itself."""
    monkeypatch.setattr(parts, "ROW_GROUP_ROWS", SMALL)
    monkeypatch.setattr(execution, "SHARD_ROWS", SMALL)


def scored(scoring: BatchScoring, run_job: Run) -> pa.Table:
    assert scoring.job is not None
    done = run_job(scoring.job)
    assert done.status == "succeeded", done.error_message
    scoring.refresh_from_db()
    assert scoring.output_version is not None
    return lake.read_table(scoring.output_version)


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        ("logistic", "binary"),
        ("random_forest", "multiclass"),
        ("hist_gradient_boosting", "regression"),
    ],
)
@pytest.mark.usefixtures("small_shards")
def test_every_row_gets_the_answer_that_the_model_gives(
    principal_as: Callable[[Role], Principal], run_job: Run, estimator: str, kind: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    version = store(principal)
    model = register(principal, estimator, kind)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version, keep="all"
    )
    found = scored(scoring, run_job)

    from models_registry.signatures import columns_from_frame

    one = fit(estimator, kind)
    expected = load_version(model).predict(columns_from_frame(one.signature, frame_of()))
    assert found["source_row"].to_pylist() == list(range(400))
    assert found["person_id"].to_pylist() == list(range(1000, 1400))
    assert set(found["model_version"].to_pylist()) == {model.number}
    if one.signature.classes is None:
        np.testing.assert_allclose(found["prediction"].to_numpy(), expected.labels)
        return
    assert found["prediction"].to_pylist() == list(expected.labels)
    assert expected.probabilities is not None
    for place, name in enumerate(one.signature.classes):
        np.testing.assert_allclose(
            found[f"probability_{name}"].to_numpy(), expected.probabilities[:, place]
        )


def test_the_result_says_where_it_comes_from_and_holds_both_versions(
    principal_as: Callable[[Role], Principal], run_job: Run
) -> None:
    principal = principal_as(Role.ADMIN)
    version, model = store(principal), register(principal)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version
    )
    scored(scoring, run_job)
    made = scoring.output_version
    assert made is not None
    assert made.source["model_version"] == model.pk
    assert made.source["input_version"] == version.pk
    assert made.source["input_sha256"] == version.sha256
    assert made.dataset.name == "people scored by churn"
    uses = uses_of_versions([version.pk, made.pk])
    assert "batch scoring" in " ".join(uses[version.pk])
    assert "batch scoring" in " ".join(uses[made.pk])


@pytest.mark.usefixtures("small_shards")
def test_rows_that_do_not_fit_have_no_answer_and_say_why(
    principal_as: Callable[[Role], Principal], run_job: Run
) -> None:
    principal = principal_as(Role.ADMIN)
    regions: list[Any] = frame_of()["region"].tolist()
    regions[70] = None
    sizes = frame_of()["size"].to_numpy().copy()
    sizes[3] = 1e300
    version, model = store(principal, region=regions, size=sizes), register(principal)
    scoring = services.score_dataset_version(
        principal=principal, model_version=model, dataset_version=version
    )
    found = scored(scoring, run_job)
    problems = {
        row: text for row, text in enumerate(found["prediction_problem"].to_pylist()) if text
    }
    assert problems == {
        3: "size: the number is too large",
        70: "region: null is not a value of this column",
    }
    assert [found["prediction"][row].as_py() for row in (3, 70)] == [None, None]
    assert found["prediction"].null_count == 2
    assert scoring.rows_refused == 2


@pytest.mark.usefixtures("small_shards")
def test_a_second_attempt_scores_only_what_is_missing(
    principal_as: Callable[[Role], Principal],
    run_job: Run,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    read: list[int] = []
    genuine = lake.Stretches.batches

    def reads(rows: lake.Stretches, first_row: int, *args: Any, **kwargs: Any) -> Any:
        read.append(first_row)
        if len(read) == 3:
            raise KeyboardInterrupt  # as sudden as a kill: nothing of ours handles it
        return genuine(rows, first_row, *args, **kwargs)

    monkeypatch.setattr(lake.Stretches, "batches", reads)
    monkeypatch.setattr("django.conf.settings.SCORING_THREADS", 1)
    first = job_execution.claim(scoring.job.pk, worker="one")
    assert first is not None
    with pytest.raises(KeyboardInterrupt):
        job_execution.carry_out(first)
    assert lake.table_version(lake.dataset_path(scoring.output_dataset)) is None
    files = (Path(settings.SCORING_ROOT) / str(scoring.job.pk)).glob("*.arrow")
    kept = {SMALL * int(one.stem) for one in files}
    assert {0, 64} <= kept
    assert 128 not in kept
    read.clear()
    read.extend([-1] * 3)
    job_execution.put_back(first, reason="killed")
    done = run_job(scoring.job)
    assert done.status == "succeeded", done.error_message
    assert sorted(read[3:]) == sorted(set(range(0, 400, SMALL)) - kept)
    scoring.refresh_from_db()
    assert scoring.output_version is not None
    assert lake.read_table(scoring.output_version)["source_row"].to_pylist() == list(range(400))


@pytest.mark.usefixtures("small_shards")
def test_a_cancel_while_rows_are_scored_leaves_the_lake_as_it_was(
    principal_as: Callable[[Role], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    genuine = lake.Stretches.batches

    def slowly(rows: lake.Stretches, first_row: int, *args: Any, **kwargs: Any) -> Any:
        if first_row == 2 * SMALL:
            asked.wait(30)
        return genuine(rows, first_row, *args, **kwargs)

    def progress(context: Any, fraction: float, *said: str) -> None:
        told.append(fraction)
        if said[1:] and said[1].startswith("2 of 7"):
            asked.set()
            raise JobCancelled

    asked = threading.Event()
    told: list[float] = []
    monkeypatch.setattr(lake.Stretches, "batches", slowly)
    monkeypatch.setattr("jobs.execution.JobContext.progress", progress)
    monkeypatch.setattr("django.conf.settings.SCORING_THREADS", 1)
    claim = job_execution.claim(scoring.job.pk, worker="one")
    assert claim is not None
    job_execution.carry_out(claim)
    scoring.job.refresh_from_db()
    assert scoring.job.status == "cancelled"
    assert told == sorted(told)
    output = Path(lake.dataset_path(scoring.output_dataset))
    assert not list(output.rglob("*.parquet"))
    assert lake.table_version(str(output)) is None


@pytest.mark.usefixtures("small_shards")
def test_an_attempt_that_died_after_its_commit_leaves_one_version(
    principal_as: Callable[[Role], Principal], run_job: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    claim = job_execution.claim(scoring.job.pk, worker="one")
    assert claim is not None
    with monkeypatch.context() as patched:
        patched.setattr(execution, "_record", _die)
        with pytest.raises(KeyboardInterrupt):
            job_execution.carry_out(claim)
    job_execution.put_back(claim, reason="killed")
    scored(scoring, run_job)
    assert scoring.output_version is not None
    assert scoring.output_version.delta_version == 0
    assert lake.table_version(lake.dataset_path(scoring.output_dataset)) == 0
    assert scoring.output_version.row_count == 400


def _die(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_on_disk_when_it_is_done(
    principal_as: Callable[[Role], Principal], run_job: Run, settings: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    scored(scoring, run_job)
    assert list(Path(settings.SCORING_ROOT).iterdir()) == []


def test_a_cancelled_scoring_throws_its_shards_away(
    principal_as: Callable[[Role], Principal], settings: Any
) -> None:
    principal = principal_as(Role.ADMIN)
    scoring = services.score_dataset_version(
        principal=principal, model_version=register(principal), dataset_version=store(principal)
    )
    assert scoring.job is not None
    folder = Path(settings.SCORING_ROOT) / str(scoring.job.pk)
    ShardFolder(folder, {})
    scoring.job.status = "cancelled"
    handlers.tell_of_failure(scoring.job)
    assert not folder.exists()


def test_shards_of_another_plan_are_thrown_away(tmp_path: Path) -> None:
    shard = Shard(0, 0, 2)
    rows = pa.table({"a": [1, 2]})
    folder = ShardFolder(tmp_path / "one", {"model": 1})
    folder.write(shard, rows.schema, rows.to_batches())
    assert pa.Table.from_batches(folder.read(shard)).equals(rows)
    assert ShardFolder(tmp_path / "one", {"model": 1}).has(shard)
    assert not ShardFolder(tmp_path / "one", {"model": 2}).has(shard)


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
