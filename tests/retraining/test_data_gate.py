"""The training data that a retraining puts together goes through the same gate as an upload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.principals import Principal
from datasets import services as datasets
from datasets.models import DataCheck, Dataset, DatasetVersion
from jobs import services as jobs
from jobs.models import Job
from models_registry.models import ModelVersion
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict
from retraining.services import retrain_now
from tests.retraining.test_retraining import live, policy  # noqa: F401 (fixtures)
from tests.serving.conftest import (  # noqa: F401 (fixtures)
    champion,
    endpoint,
    train,
    training_data,
)

RunJob = Callable[[Job], Job]


@pytest.fixture
def cells(training_data: DatasetVersion) -> Dataset:  # noqa: F811
    """The dataset of the champion."""
    return training_data.dataset


def strict(principal: Principal, dataset: Dataset, **parameters: object) -> DataCheck:
    return datasets.create_check(
        principal=principal,
        dataset=dataset,
        kind="row_count",
        parameters=parameters,
        severity="error",
    )


def test_training_data_that_a_check_holds_back_makes_no_challenger(
    principal: Principal,
    policy: RetrainPolicy,  # noqa: F811
    live: Callable[..., None],  # noqa: F811
    cells: Dataset,
    training_data: DatasetVersion,  # noqa: F811
    run_job: RunJob,
) -> None:
    live(slice(0, 100))
    check = strict(principal, cells, maximum=600)
    job = run_job(retrain_now(principal=principal, policy=policy))
    assert (job.status, job.error_code) == ("failed", "checks_failed")
    data = DatasetVersion.objects.get(job=job)
    assert (data.status, data.check_results.get().verdict) == ("failed", "failed")
    decision = RetrainDecision.objects.get(job=job)
    assert (decision.verdict, decision.dataset_version) == (RetrainVerdict.FAILED, data)
    assert decision.reason.startswith(f"The training data, {data}, is held back by its checks: ")
    assert check.spec.title in decision.reason
    assert ModelVersion.objects.count() == 1

    released = datasets.waive_checks(principal=principal, version=data, reason="grown, as planned")
    assert (released.status, released.parent) == ("ready", training_data)
    done = run_job(jobs.retry(principal=principal, job=job))
    assert done.status == "succeeded", done.error_message
    decision.refresh_from_db()
    assert decision.dataset_version == released
    assert DatasetVersion.objects.filter(dataset=cells).count() == 2


def test_labelled_rows_are_held_to_the_edited_schema_which_the_challenger_knows(
    principal: Principal,
    policy: RetrainPolicy,  # noqa: F811
    live: Callable[..., None],  # noqa: F811
    cells: Dataset,
    training_data: DatasetVersion,  # noqa: F811
    run_job: RunJob,
) -> None:
    live(slice(0, 100))
    edit(principal, cells, training_data, maximum=100.0)
    done = run_job(retrain_now(principal=principal, policy=policy))
    assert done.status == "succeeded", done.error_message
    challenger = ModelVersion.objects.get(pk=done.result["model_version"])
    radius = next(one for one in challenger.signature["inputs"] if one["name"] == "mean radius")
    assert radius["limits"]["maximum"] == 100.0

    edit(principal, cells, training_data, maximum=10.0)
    job = run_job(retrain_now(principal=principal, policy=policy))
    assert job.error_code == "schema_violated"
    decision = RetrainDecision.objects.get(job=job)
    assert "column 'mean radius'" in decision.reason
    assert not DatasetVersion.objects.filter(job=job).exists()


def edit(
    principal: Principal, dataset: Dataset, version: DatasetVersion, *, maximum: float
) -> None:
    columns: list[dict[str, Any]] = [dict(column) for column in version.schema["columns"]]
    for column in columns:
        if column["name"] == "mean radius":
            column["maximum"] = maximum
    datasets.edit_schema(principal=principal, dataset=dataset, columns=columns)
