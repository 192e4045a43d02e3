"""Anomaly detection: trained without a target, measured on known anomalies, served as a score."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from rest_framework.test import APIClient

from accounts.models import Role
from accounts.principals import Principal
from core.errors import DomainError
from datasets.models import DatasetVersion
from datasets.services import create_dataset, upload_version
from jobs.models import Job
from models_registry.loading import load_version
from models_registry.models import ModelVersion, Task, Validation
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.trees import TreeRuntime
from models_registry.signatures import columns_from_frame
from monitoring.performance import realised_performance
from training.errors import EstimatorUnknown, TargetRefused
from training.execution import FittedVersion, TrainingSpec, fit_version
from training.services import start_training

RunJob = Callable[[Job], Job]
FEATURES = ("size", "weight", "region")


def frame_of(rows: int = 300) -> pd.DataFrame:
    """Return rows of which one in twenty is far outside, and says so in a column of its own."""
    rng = np.random.default_rng(2)
    is_odd = rng.random(rows) < 0.05
    return pd.DataFrame(
        {
            "size": np.where(is_odd, rng.normal(9, 1, rows), rng.normal(0, 1, rows)),
            "weight": np.where(is_odd, rng.normal(-9, 1, rows), rng.normal(0, 1, rows)),
            "region": rng.choice(["north", "south"], rows),
            "is_odd": is_odd,
        }
    )


def spec(**changes: Any) -> TrainingSpec:
    values: dict[str, Any] = {
        "target": "",
        "features": FEATURES,
        "task": "anomaly",
        "estimator": "isolation_forest",
        "params": {"n_estimators": 20},
        "folds": 3,
    }
    return TrainingSpec(**{**values, **changes})


@pytest.fixture(scope="module")
def unknown() -> FittedVersion:
    """A forest that was fitted on rows of which nobody knows which are odd."""
    return fit_version(spec(), pa.Table.from_pandas(frame_of()))


@pytest.fixture(scope="module")
def known() -> FittedVersion:
    """The same, measured on anomalies that are known."""
    return fit_version(spec(target="is_odd"), pa.Table.from_pandas(frame_of()))


def test_scores_are_higher_for_what_is_less_usual(unknown: FittedVersion) -> None:
    odd = {"size": [0.0, 9.0], "weight": [0.0, -9.0], "region": ["north", "north"]}
    rows = columns_from_frame(unknown.signature, pd.DataFrame(odd))
    usual, unusual = NativeRuntime(unknown.pipeline, unknown.signature).predict(rows).labels
    assert unusual > usual
    assert unknown.signature.task == "anomaly"
    assert unknown.signature.classes is None


def test_without_known_anomalies_stability_is_what_can_be_measured(
    unknown: FittedVersion,
) -> None:
    assert set(unknown.metrics) >= {"stability", "decision_share"}
    assert "roc_auc" not in unknown.metrics
    assert (unknown.metrics["stability"] or 0) > 0.5
    assert "is_odd" not in unknown.reference.column_names
    assert set(unknown.plots) == {"importance", "scores"}


def test_known_anomalies_say_how_well_scores_rank_and_are_not_learnt_from(
    known: FittedVersion, unknown: FittedVersion
) -> None:
    assert (known.metrics["roc_auc"] or 0) > 0.95
    assert (known.metrics["average_precision"] or 0) > (known.baseline["average_precision"] or 0)
    assert known.baseline["roc_auc"] == 0.5
    assert known.signature.names == unknown.signature.names
    assert {"roc_curve", "precision_recall"} <= set(known.plots)
    assert known.reference.column("is_odd").type == pa.bool_()


def test_the_usual_threshold_lets_one_row_in_twenty_stand_out(unknown: FittedVersion) -> None:
    assert unknown.decision is not None
    assert unknown.decision.rule == {"rule": "contamination", "share": 0.05}
    assert unknown.decision.chosen_on["share"] == pytest.approx(0.05, abs=0.01)


def test_a_faster_runtime_gives_the_same_scores(unknown: FittedVersion) -> None:
    report = unknown.outcome.runtime_report
    assert unknown.outcome.runtime.startswith("onnx"), report
    wire = unknown.outcome.measurements.wire
    assert wire.largest is not None
    assert wire.largest <= 1e-5
    with pytest.raises(Exception, match="not a"):
        TreeRuntime(unknown.pipeline, unknown.signature)


def test_a_target_that_is_no_flag_is_refused() -> None:
    table = pa.Table.from_pandas(frame_of().assign(is_odd=3))
    with pytest.raises(TargetRefused, match="true and false, or 1 and 0"):
        fit_version(spec(target="is_odd"), table)


def test_rows_whose_truth_nobody_knows_are_learnt_from_and_not_measured() -> None:
    frame = frame_of()
    flags = frame["is_odd"].astype(object)
    flags.iloc[::2] = None
    fitted = fit_version(
        spec(target="is_odd", folds=2), pa.Table.from_pandas(frame.assign(is_odd=flags))
    )
    assert fitted.split_report["rows"] == len(frame)
    assert fitted.metrics["roc_auc"] is not None


def test_production_with_known_anomalies_is_measured_as_a_ranking() -> None:
    truth = [index % 10 == 0 for index in range(50)]
    found = realised_performance(
        predictions=80,
        truth=truth,
        labels=[0.9 if one else 0.1 for one in truth],
        probabilities=None,
        classes=None,
        finds_anomalies=True,
    )
    assert found.metrics == {"roc_auc": 1.0, "average_precision": 1.0}


@pytest.fixture
def data(principal: Principal, run_job: RunJob) -> DatasetVersion:
    """The rows as a dataset version."""
    content = frame_of().to_csv(index=False).encode()
    job = upload_version(
        principal=principal,
        dataset=create_dataset(principal=principal, name="readings"),
        file=io.BytesIO(content),
        filename="readings.csv",
    )
    return DatasetVersion.objects.get(pk=run_job(job).result["dataset_version"])


def test_a_version_is_trained_without_a_target_and_passes_its_gates(
    principal: Principal, data: DatasetVersion, run_job: RunJob, api: Callable[..., APIClient]
) -> None:
    body = {
        "dataset_version": data.pk,
        "model": "odd",
        "task": "anomaly",
        "features": list(FEATURES),
        "params": {"n_estimators": 20},
        "folds": 2,
        "decision": {"rule": "contamination", "share": 0.1},
    }
    asked = api(Role.EDITOR).post("/api/v1/training-runs/", body, format="json")
    assert asked.status_code == 202, asked.content
    done = run_job(Job.objects.get(pk=asked.json()["job"]["id"]))
    assert done.status == "succeeded", done.error_message
    version = ModelVersion.objects.get(pk=done.result["model_version"])
    assert version.validation == Validation.PASSED, list(version.gate_results.values())
    assert version.task == Task.ANOMALY
    assert version.estimator == "isolation_forest"
    assert version.decision["chosen_on"]["share"] == pytest.approx(0.1, abs=0.02)
    assert load_version(version).name == version.runtime


@pytest.mark.parametrize(
    ("wishes", "refusal"),
    [
        ({"target": "region"}, TargetRefused),
        ({"target": "nothing"}, TargetRefused),
        ({"estimator": "random_forest"}, EstimatorUnknown),
        ({"decision": {"rule": "f1"}}, DomainError),
        ({"decision": {"rule": "contamination", "share": 0.9}}, DomainError),
    ],
)
def test_what_does_not_suit_anomalies_is_refused_before_the_queue(
    wishes: dict[str, Any],
    refusal: type[Exception],
    principal: Principal,
    data: DatasetVersion,
) -> None:
    with pytest.raises(refusal):
        start_training(
            principal=principal, dataset_version=data, model="odd", task="anomaly", **wishes
        )
    assert not Job.objects.filter(kind="train").exists()
