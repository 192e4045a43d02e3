"""From raw rows to an answer: a recipe is trained, passes its gates and is asked with raw columns."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rest_framework.test import APIClient

from accounts.principals import Principal
from core.blobs import default_store
from datasets import lake
from datasets.errors import RecipeRefused
from datasets.models import DatasetVersion, RecipeRevision
from datasets.services import create_dataset, create_recipe, revise_recipe, upload_version
from jobs.models import Job
from models_registry.artifacts import load_pipeline
from models_registry.loading import reference_frame
from models_registry.models import ModelVersion, Validation
from models_registry.runtimes.choice import load_runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import compare, through_the_wire
from models_registry.selectors import lineage_of
from models_registry.services import promote
from models_registry.signatures import Signature, columns_from_frame
from serving.services import create_endpoint
from training.errors import SplitRefused
from training.models import TrainingRun
from training.services import start_training

STEPS: list[dict[str, Any]] = [
    {"kind": "date_parts", "columns": ["visited"], "parts": ["hour", "weekday"], "time_zone": "Europe/Berlin"},
    {"kind": "fill", "columns": ["amount"], "strategy": "median"},
    {"kind": "expression", "name": "per_item", "formula": "amount / max(items, 1)"},
    {"kind": "one_hot", "columns": ["channel"], "max_categories": 3},
    {"kind": "target_encoding", "columns": ["town"]},
    {"kind": "drop", "columns": ["shopper"]},
]  # fmt: skip
RAW = ["visited", "amount", "items", "channel", "town"]


def visits(rows: int = 400) -> pd.DataFrame:
    """Return visits to a shop: whether they came back depends on the hour, the amount and the town."""
    rng = np.random.default_rng(11)
    visited = pd.date_range("2025-01-01", periods=rows, freq="97min", tz="UTC")
    amount = rng.gamma(2, 40, rows).round(2)
    town = rng.choice([f"town {n}" for n in range(12)], rows)
    score = (visited.hour > 12) * 1.5 + (amount > 80) + pd.Series(town).str[-1].astype(int) / 4
    returned = np.where(score + rng.normal(0, 0.7, rows) > 2.2, "yes", "no")
    frame = pd.DataFrame(
        {
            "visited": visited.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "shopper": [f"s{n}" for n in rng.integers(0, 40, rows)],
            "amount": amount,
            "items": rng.integers(0, 9, rows),
            "channel": rng.choice(["web", "shop", "app", "phone"], rows),
            "town": town,
            "returned": returned,
        }
    )
    frame.loc[::9, "amount"] = np.nan
    frame.loc[::13, "town"] = None
    return frame


Upload = Callable[[pd.DataFrame], DatasetVersion]


@pytest.fixture
def upload(principal: Principal, run_job: Callable[[Job], Job]) -> Upload:
    """Return a function that makes a dataset version of a frame."""

    def make(frame: pd.DataFrame) -> DatasetVersion:
        dataset = create_dataset(principal=principal, name="visits")
        job = upload_version(
            principal=principal,
            dataset=dataset,
            file=io.BytesIO(frame.to_csv(index=False).encode()),
            filename="visits.csv",
        )
        done = run_job(job)
        assert done.status == "succeeded", done.error_message
        return DatasetVersion.objects.get(pk=done.result["dataset_version"])

    return make


@pytest.fixture
def data(upload: Upload) -> DatasetVersion:
    """The visits."""
    return upload(visits())


@pytest.fixture
def revision(principal: Principal) -> RecipeRevision:
    """The recipe for the visits."""
    return create_recipe(principal=principal, name="visits", steps=STEPS).revisions.get()


Train = Callable[..., ModelVersion]


@pytest.fixture
def train(
    principal: Principal, data: DatasetVersion, revision: RecipeRevision, run_job: Any
) -> Train:
    """Return a function that trains the model ``returns``."""

    def make(estimator: str = "logistic", **options: Any) -> ModelVersion:
        job = start_training(
            principal=principal,
            dataset_version=data,
            model="returns",
            estimator=estimator,
            **{"target": "returned", "folds": 3, "recipe": revision, **options},
        )
        done = run_job(job)
        assert done.status == "succeeded", done.error_message
        return ModelVersion.objects.get(pk=done.result["model_version"])

    return make


def test_a_recipe_is_trained_passes_its_gates_and_is_asked_with_raw_rows(
    train: Train, principal: Principal, api: Callable[..., APIClient]
) -> None:
    version = train()
    assert version.validation == Validation.PASSED, list(
        version.gate_results.values_list("name", "reason")
    )
    assert [field["name"] for field in version.signature["inputs"]] == RAW
    assert version.metrics["roc_auc"] > 0.7
    promote(principal=principal, version=version)
    create_endpoint(principal=principal, name="returns", model=version.model)
    client = api()

    def ask(**changes: Any) -> Any:
        row = {
            "visited": "2026-03-01T18:30:00+01:00",
            "amount": 120.5,
            "items": 3,
            "channel": "web",
            "town": "town 9",
            **changes,
        }
        return client.post(
            "/api/v1/endpoints/returns/predict/", {"instances": [row]}, format="json"
        )

    answer = ask()
    assert answer.status_code == 200, answer.content
    assert answer.json()["predictions"][0] in ("yes", "no")
    assert ask(amount=None, town=None).status_code == 200
    unseen = ask(town="nowhere").json()
    assert "nowhere" in json.dumps(unseen) or unseen["warnings"]
    for wrong, column in (
        ({"visited": "tomorrow"}, "visited"),
        ({"visited": 7}, "visited"),
        ({"visited": None}, "visited"),
        ({"amount": "much"}, "amount"),
        ({"per_item": 3}, "per_item"),
    ):
        refused = ask(**wrong)
        assert refused.status_code == 422, refused.content
        assert column in refused.json()["errors"][0]["field"]


@pytest.mark.parametrize("estimator", ["logistic", "hist_gradient_boosting", "random_forest"])
def test_the_serving_runtime_answers_as_in_training(train: Train, estimator: str) -> None:
    version = train(estimator, folds=2)
    assert version.runtime != "native", version.runtime_report
    store = default_store()
    pipeline = load_pipeline(store.read(version.artifact_digest))
    signature = Signature.from_dict(version.signature)
    runtime = load_runtime(
        name=version.runtime,
        pipeline=pipeline,
        onnx=store.read(version.onnx_digest) if version.onnx_digest else None,
        signature=signature,
    )
    reference = reference_frame(version)
    rows = columns_from_frame(signature, reference)
    native = NativeRuntime(pipeline, signature).predict(rows)
    found = compare(native, runtime.predict(through_the_wire(rows)))
    assert found.is_equal, found
    gates = version.gate_results.filter(kind__in=("wire_parity", "serialization"))
    assert {gate.kind for gate in gates} == {"wire_parity", "serialization"}
    assert all(gate.passed for gate in gates), list(gates.values_list("name", "reason"))


def test_recipe_and_split_are_recorded_with_the_run(
    train: Train, data: DatasetVersion, revision: RecipeRevision
) -> None:
    version = train()
    row = TrainingRun.objects.get()
    assert row.recipe_revision == revision
    assert row.split == {"policy": "time", "column": "visited", "gap_hours": 0.0}
    report = row.split_report
    assert report["policy"] == "time"
    assert report["train_to"] < report["boundary"] == report["test_from"]
    assert report["train_rows"] + report["test_rows"] == 400
    assert report["test_rows"] == 80
    params = dict(row.run.params.values_list("key", "value"))
    assert params["recipe"] == "visits r1"
    assert params["recipe.sha256"] == revision.sha256
    assert params["split.policy"] == "time"
    assert params["split.test_sha256"] == params["split_sha256"] == report["test_sha256"]
    assert version.spec["recipe"]["steps"] == revision.steps
    assert lineage_of(version)["model_version"]["recipe"]["number"] == 1
    assert [one["column"] for one in row.dropped_columns] == ["shopper"]


def test_what_a_recipe_learns_comes_from_the_training_part_only(
    train: Train, data: DatasetVersion
) -> None:
    version = train(seed=4)
    pipeline = load_pipeline(default_store().read(version.artifact_digest))
    fill = pipeline["recipe"].fitted_[1]
    amounts = lake.read_table(data, ["amount"]).to_pandas()["amount"].astype(np.float32)
    expected = float(np.nanmedian(amounts.iloc[:320].astype(float)))
    assert fill.learnt_["values"]["amount"] == pytest.approx(expected)


def test_the_same_seed_trains_the_same_model_with_a_recipe(train: Train) -> None:
    first, second = train(seed=5), train(seed=5)
    assert first.metrics == second.metrics
    reports = TrainingRun.objects.values_list("split_report", flat=True)
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"policy": "group", "column": "shopper"}, "group"),
        ({"policy": "time", "column": "visited", "gap_hours": 24}, "time"),
        ({"policy": "stratified"}, "stratified"),
        ({"policy": "random"}, "random"),
    ],
)
def test_a_model_is_trained_with_each_policy(
    train: Train, split: dict[str, Any], said: str
) -> None:
    version = train(split=split, folds=2, features=RAW, recipe=None)
    report = TrainingRun.objects.get().split_report
    assert report["policy"] == said
    assert version.metrics["cv_accuracy"] is not None
    if said == "time":
        assert report["left_out_rows"] > 5
    if said == "group":
        assert report["train_groups"] + report["test_groups"] == 40


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"split": {"policy": "time", "column": "nothing"}}, "split.column"),
        ({"split": {"policy": "time", "column": "amount"}}, "split.column"),
        ({"split": {"policy": "group", "column": "returned"}}, "split.column"),
        ({"split": {"policy": "stratified"}, "target": "amount"}, "split.policy"),
    ],
)
def test_a_split_that_cannot_be_is_refused_before_the_queue(
    principal: Principal, data: DatasetVersion, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(SplitRefused) as refused:
        start_training(
            principal=principal,
            dataset_version=data,
            model="returns",
            **{"target": "returned", **options},
        )
    assert refused.value.errors[0].field == field
    assert not Job.objects.filter(kind="train").exists()


def test_a_gap_that_eats_everything_fails_the_job_with_its_reason(
    principal: Principal, data: DatasetVersion, run_job: Callable[[Job], Job]
) -> None:
    job = start_training(
        principal=principal,
        dataset_version=data,
        target="returned",
        model="returns",
        split={"policy": "time", "column": "visited", "gap_hours": 9_000},
    )
    done = run_job(job)
    assert done.status == "failed"
    assert done.error_code == "split_refused"
    assert "leaves no row" in done.error_message


def test_moments_with_gaps_cannot_order_rows(
    principal: Principal, upload: Upload, run_job: Callable[[Job], Job]
) -> None:
    frame = visits(60)
    frame.loc[5, "visited"] = None
    version = upload(frame)
    wish: dict[str, Any] = {"dataset_version": version, "target": "returned", "model": "returns"}
    with pytest.raises(SplitRefused, match="missing in 1 rows"):
        start_training(principal=principal, split={"policy": "time", "column": "visited"}, **wish)
    start_training(principal=principal, **wish)
    assert TrainingRun.objects.get().split == {}


def test_a_recipe_that_does_not_fit_the_data_is_refused_before_the_queue(
    principal: Principal, data: DatasetVersion, revision: RecipeRevision
) -> None:
    newer = revise_recipe(
        principal=principal,
        recipe=revision.recipe,
        steps=[*STEPS, {"kind": "scale", "columns": ["visitors"]}],
    )
    with pytest.raises(RecipeRefused) as refused:
        start_training(
            principal=principal,
            dataset_version=data,
            target="returned",
            model="returns",
            recipe=newer,
        )
    assert refused.value.errors[0].field == "recipe.steps[6].columns"
    assert not TrainingRun.objects.exists()


def test_a_recipe_is_chosen_by_rest(
    api: Callable[..., APIClient],
    data: DatasetVersion,
    revision: RecipeRevision,
    other_project: Any,
    run_all_jobs: Callable[[], list[Job]],
) -> None:
    client = api()
    wish = {
        "dataset_version": data.pk,
        "target": "returned",
        "model": "returns",
        "folds": 2,
        "estimator": "logistic",
        "recipe": {"id": revision.recipe_id},
        "split": {"policy": "group", "column": "shopper"},
    }
    assert client.post("/api/v1/training-runs/", wish, format="json").status_code == 202
    assert [job.status for job in run_all_jobs()] == ["succeeded"]
    (row,) = client.get("/api/v1/training-runs/").json()["results"]
    assert row["recipe"] == {"id": revision.recipe_id, "name": "visits", "revision": 1}
    assert row["split_report"]["policy"] == "group"
    wish["recipe"] = {"id": revision.recipe_id, "revision": 7}
    refused = client.post("/api/v1/training-runs/", wish, format="json")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "recipe"
    stranger = api(in_project=other_project)
    huge = {**wish, "recipe": {"id": 2**63}}
    refused = client.post("/api/v1/training-runs/", huge, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "recipe.id")
    assert stranger.post("/api/v1/training-runs/", wish, format="json").status_code == 404


@pytest.mark.shared
def test_the_bank_data_go_through_a_recipe(
    shared_path: Path, upload: Upload, principal: Principal, run_job: Callable[[Job], Job]
) -> None:
    """The year goes up by one where the month goes down; row 2 is a stray duplicate."""
    bank = pd.read_csv(shared_path / "data" / "bank_full.csv").drop(index=1).iloc[28_000:31_000]
    month = pd.to_datetime(bank["month"], format="%b").dt.month
    year = 2008 + (month.diff() < 0).cumsum()
    bank["contacted"] = pd.to_datetime(
        pd.DataFrame({"year": year, "month": month, "day": bank["day"]}), errors="coerce"
    )
    bank = bank[bank["contacted"].notna()].sort_values("contacted", kind="stable")
    bank["contacted"] = bank["contacted"].dt.strftime("%Y-%m-%d")
    version = upload(bank.drop(columns=["duration", "day", "month"]))
    recipe = create_recipe(
        principal=principal,
        name="bank",
        steps=[
            {"kind": "date_parts", "columns": ["contacted"], "parts": ["month", "weekday"]},
            {"kind": "one_hot", "columns": ["marital", "contact"]},
            {"kind": "target_encoding", "columns": ["job", "poutcome"]},
            {"kind": "ordinal", "columns": ["education"]},
            {"kind": "clip", "columns": ["balance"], "upper_quantile": 0.99},
            {"kind": "expression", "name": "was_called", "formula": "pdays >= 0"},
        ],
    )
    job = start_training(
        principal=principal,
        dataset_version=version,
        target="y",
        model="bank",
        estimator="logistic",
        folds=2,
        recipe=recipe.revisions.get(),
        split={"policy": "time", "column": "contacted", "gap_hours": 48},
    )
    done = run_job(job)
    assert done.status == "succeeded", done.error_message
    made = ModelVersion.objects.get(pk=done.result["model_version"])
    gates = made.gate_results.filter(kind__in=("wire_parity", "serialization"))
    assert {gate.kind for gate in gates} == {"wire_parity", "serialization"}
    assert all(gate.passed for gate in gates), list(gates.values_list("name", "reason"))
    assert "contacted" in [field["name"] for field in made.signature["inputs"]]
