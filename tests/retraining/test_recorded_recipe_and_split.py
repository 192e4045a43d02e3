"""A retraining prepares and splits its rows as the champion's training did: same revision, same policy, same seed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.principals import Principal
from core.blobs import default_store
from datasets import lake
from datasets.models import DatasetVersion, RecipeRevision
from datasets.recipes import RecipeTransformer
from datasets.services import create_dataset, create_recipe, revise_recipe, upload_version
from jobs.models import Job
from models_registry.artifacts import load_pipeline
from models_registry.models import ModelVersion
from models_registry.selectors import lineage_of
from models_registry.services import promote
from monitoring.models import Alert
from monitoring.services import Label, record_ground_truth
from retraining.models import RetrainDecision
from retraining.services import PolicyTerms, check_triggers, create_policy
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.routing import routing
from serving.services import create_endpoint
from training.services import start_training
from training.splits import SplitPolicy
from training.splits.grouped import group_codes, split_by_group
from training.splits.timed import moments_of, split_by_time

STEPS: list[dict[str, Any]] = [
    {"kind": "fill", "columns": ["amount"], "strategy": "median"},
    {"kind": "one_hot", "columns": ["channel"], "max_categories": 40},
    {"kind": "target_encoding", "columns": ["town"]},
    {"kind": "drop", "columns": ["visited", "shopper"]},
]
SENT = ["amount", "channel", "town"]
SEED = 17
RunJob = Callable[[Job], Job]


def visits(rows: int, *, seed: int, start: str = "2025-01-01") -> pd.DataFrame:
    """Return visits to a shop; each shopper and each day has a channel and an amount of its own.

    What a recipe learns of a channel or an amount therefore tells whose rows it has seen.
    """
    rng = np.random.default_rng(seed)
    visited = pd.date_range(start, periods=rows, freq="97min", tz="UTC")
    shopper = rng.integers(0, 30, rows)
    town = rng.choice([f"town {n}" for n in range(6)], rows)
    amount = (shopper * 10.0 + rng.gamma(2, 4, rows)).round(2)
    score = amount / 100 + pd.Series(town).str[-1].astype(int) / 4 + rng.normal(0, 0.5, rows)
    frame = pd.DataFrame(
        {
            "visited": visited.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "shopper": [f"s{n}" for n in shopper],
            "amount": amount,
            "channel": [f"card of s{n}" for n in shopper],
            "town": town,
            "returned": np.where(score > 2.0, "yes", "no"),
        }
    )
    frame.loc[::9, "amount"] = np.nan
    return frame


@dataclass(frozen=True)
class Shop:
    """A champion with its recipe, split and endpoint."""

    revision: RecipeRevision
    champion: ModelVersion
    endpoint: Endpoint


OpenShop = Callable[[dict[str, Any]], Shop]


@pytest.fixture
def open_shop(principal: Principal, run_job: RunJob) -> OpenShop:
    """Return a function that trains a champion with a split policy and serves it."""

    def make(split: dict[str, Any]) -> Shop:
        upload = upload_version(
            principal=principal,
            dataset=create_dataset(principal=principal, name="visits"),
            file=io.BytesIO(visits(400, seed=1).to_csv(index=False).encode()),
            filename="visits.csv",
        )
        data = DatasetVersion.objects.get(pk=run_job(upload).result["dataset_version"])
        recipe = create_recipe(principal=principal, name="visits", steps=STEPS)
        trained = run_job(
            start_training(
                principal=principal,
                dataset_version=data,
                target="returned",
                model="returns",
                estimator="logistic",
                features=["visited", "shopper", *SENT],
                recipe=recipe.revisions.get(),
                split=split,
                seed=SEED,
                folds=2,
            )
        )
        assert trained.status == "succeeded", trained.error_message
        champion = ModelVersion.objects.get(pk=trained.result["model_version"])
        promote(principal=principal, version=champion)
        endpoint = create_endpoint(principal=principal, name="returns", model=champion.model)
        return Shop(recipe.revisions.get(), champion, endpoint)

    return make


@pytest.fixture
def retrained(
    api: Callable[..., APIClient], principal: Principal, run_job: RunJob
) -> Callable[[Shop], RetrainDecision]:
    """Return a function that sends labelled traffic, lets drift trigger a retraining, and returns its decision."""

    def go(shop: Shop) -> RetrainDecision:
        traffic = visits(120, seed=2, start="2026-01-01")
        answer = api().post(
            f"/api/v1/endpoints/{shop.endpoint.name}/predict/",
            {
                "instances": traffic[SENT]
                .astype(object)
                .where(traffic[SENT].notna(), None)
                .to_dict("records")
            },
            format="json",
        )
        assert answer.status_code == 200, answer.content
        labels = [
            Label(UUID(key), value)
            for key, value in zip(answer.json()["prediction_ids"], traffic["returned"], strict=True)
        ]
        assert not record_ground_truth(principal=principal, labels=labels).rejected
        routing().log.close()
        Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()
        create_policy(
            principal=principal,
            endpoint=shop.endpoint,
            terms=PolicyTerms(min_labels=50, test_fraction=0.5, cooldown_hours=0.0),
        )
        Alert.objects.create(
            project=shop.endpoint.project,
            endpoint=shop.endpoint,
            kind=Alert.Kind.DRIFT,
            fingerprint="drift",
            title="amount drifted",
        )
        (job,) = check_triggers()
        done = run_job(job)
        assert done.status == "succeeded", done.error_message
        return RetrainDecision.objects.get(pk=done.result["decision"])

    return go


def recipe_in(version: ModelVersion) -> RecipeTransformer:
    """Return the fitted recipe of a version's artifact."""
    found = load_pipeline(default_store().read(version.artifact_digest))["recipe"]
    assert isinstance(found, RecipeTransformer)
    return found


def channels_learnt(version: ModelVersion) -> set[str]:
    learnt = recipe_in(version).fitted_[1].learnt_["categories"]["channel"]
    return set(learnt)


def made_of(decision: RetrainDecision) -> tuple[ModelVersion, pd.DataFrame]:
    """Return the challenger and the rows that it was made of."""
    challenger, data = decision.challenger, decision.dataset_version
    assert challenger is not None
    assert data is not None
    assert challenger.dataset_version == data
    return challenger, lake.read_table(data).to_pandas()


@pytest.mark.parametrize(
    "split",
    [
        {"policy": "group", "column": "shopper", "gap_hours": 0.0},
        {"policy": "time", "column": "visited", "gap_hours": 24.0},
    ],
    ids=["by group", "by time"],
)
def test_the_challenger_has_the_recipe_revision_split_and_seed_of_the_champion(
    split: dict[str, Any],
    open_shop: OpenShop,
    retrained: Callable[[Shop], RetrainDecision],
    principal: Principal,
) -> None:
    shop = open_shop(split)
    # A newer revision is for new trainings: what a retraining repeats is what was recorded.
    revise_recipe(principal=principal, recipe=shop.revision.recipe, steps=STEPS[:2])
    challenger, _ = made_of(retrained(shop))
    recorded = lineage_of(challenger)["model_version"]
    assert recorded["recipe"] == lineage_of(shop.champion)["model_version"]["recipe"]
    assert recorded["recipe"]["revision"] == shop.revision.pk
    assert recorded["recipe"]["sha256"] == shop.revision.sha256
    assert (recorded["split"], recorded["seed"]) == (split, SEED)
    assert recipe_in(challenger).steps == recipe_in(shop.champion).steps
    # What the recipe drops is no input: of the steps those remain that the inputs need.
    assert [step.kind for step in recipe_in(challenger).fitted_] == [
        "fill",
        "one_hot",
        "target_encoding",
    ]
    assert challenger.run is not None
    params = dict(challenger.run.params.values_list("key", "value"))
    assert params["recipe.sha256"] == shop.revision.sha256
    assert params["split.policy"] == split["policy"]
    assert params["split.column"] == split["column"]
    assert params["split.seed"] == str(SEED)
    assert [field["name"] for field in challenger.signature["inputs"]] == SENT


def test_a_split_by_group_is_drawn_again_and_the_recipe_has_not_seen_the_tested_groups(
    open_shop: OpenShop, retrained: Callable[[Shop], RetrainDecision]
) -> None:
    challenger, rows = made_of(retrained(open_shop({"policy": "group", "column": "shopper"})))
    assert len(rows) == 400 + 60
    # Clients do not send the shopper: each row of production is a group of its own.
    assert rows["shopper"].isna().sum() == 60
    drawn = split_by_group(group_codes(rows["shopper"]), test_fraction=0.2, seed=SEED)
    assert challenger.run is not None
    params = dict(challenger.run.params.values_list("key", "value"))
    assert params["split.test_sha256"] == drawn.digest
    assert params["split.train_sha256"] == drawn.train_digest
    learnt, tested = rows.iloc[drawn.train], rows.iloc[drawn.test]
    only_tested = set(tested["channel"]) - set(learnt["channel"])
    assert only_tested
    assert channels_learnt(challenger) == set(learnt["channel"])
    fill = recipe_in(challenger).fitted_[0].learnt_["values"]["amount"]
    median, of_all = learnt["amount"].median(), rows["amount"].median()
    assert fill == pytest.approx(median, rel=1e-6)
    assert median != pytest.approx(of_all, rel=1e-6)


def test_a_split_by_time_tests_the_newest_rows_again_and_leaves_the_gap_before_them(
    open_shop: OpenShop, retrained: Callable[[Shop], RetrainDecision]
) -> None:
    split = SplitPolicy("time", "visited", 24.0)
    challenger, rows = made_of(retrained(open_shop(split.to_dict())))
    # Clients do not send the moment: rows of production are as old as their predictions.
    assert rows["visited"].notna().all()
    drawn = split_by_time(moments_of(rows["visited"]), test_fraction=0.2, gap_hours=24.0)
    assert challenger.run is not None
    params = dict(challenger.run.params.values_list("key", "value"))
    assert params["split.test_sha256"] == drawn.digest
    assert params["split.train_sha256"] == drawn.train_digest
    assert int(params["split.left_out_rows"]) == len(rows) - len(drawn.train) - len(drawn.test) > 0
    assert set(range(400, 460)) <= set(drawn.test.tolist())
    fill = recipe_in(challenger).fitted_[0].learnt_["values"]["amount"]
    assert fill == pytest.approx(rows.iloc[drawn.train]["amount"].median(), rel=1e-6)
