"""A real champion behind a real endpoint, made through the public services."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from accounts.principals import Principal
from datasets.models import DatasetVersion
from datasets.services import create_dataset, upload_version
from jobs.models import Job
from models_registry.models import ModelVersion
from models_registry.services import promote
from serving.models import Endpoint
from serving.prediction_log import SegmentWriter
from serving.services import create_endpoint
from tests.serving.versions import promoted
from training.services import start_training

FEATURES = ["mean radius", "mean texture", "mean smoothness"]
Train = Callable[..., ModelVersion]


@pytest.fixture
def root(lake_home: Path) -> Path:
    """The folder of the prediction log, beside the lake into which it is shipped."""
    return lake_home / "prediction-log"


@pytest.fixture
def writer(root: Path) -> Iterator[SegmentWriter]:
    """A writer that closes no segment by itself."""
    made = SegmentWriter(root, segment_seconds=3600)
    yield made
    made.close()


@pytest.fixture
def training_data(principal: Principal, run_job: Callable[[Job], Job]) -> DatasetVersion:
    """Three features of the breast-cancer data with a readable target."""
    frame = load_breast_cancer(as_frame=True).frame
    frame["diagnosis"] = frame.pop("target").map({0: "malignant", 1: "benign"})
    content = frame[[*FEATURES, "diagnosis"]].to_csv(index=False).encode()
    dataset = create_dataset(principal=principal, name="cells")
    job = upload_version(
        principal=principal, dataset=dataset, file=io.BytesIO(content), filename="cells.csv"
    )
    done = run_job(job)
    assert done.status == "succeeded", done.error_message
    return DatasetVersion.objects.get(pk=done.result["dataset_version"])


@pytest.fixture
def train(
    principal: Principal, training_data: DatasetVersion, run_job: Callable[[Job], Job]
) -> Train:
    """Return a function that trains a version of the model ``tumour``."""

    def make(estimator: str = "logistic", **options: object) -> ModelVersion:
        job = start_training(
            principal=principal,
            dataset_version=training_data,
            target="diagnosis",
            model="tumour",
            estimator=estimator,
            folds=2,
            **options,  # type: ignore[arg-type]
        )
        done = run_job(job)
        assert done.status == "succeeded", done.error_message
        return ModelVersion.objects.get(pk=done.result["model_version"])

    return make


@pytest.fixture
def champion(principal: Principal, train: Train) -> ModelVersion:
    """A version that passed its gates and is champion."""
    version = train()
    promote(principal=principal, version=version)
    return version


@pytest.fixture
def endpoint(principal: Principal, champion: ModelVersion) -> Endpoint:
    """The endpoint ``tumour``."""
    return create_endpoint(principal=principal, name="tumour", model=champion.model)


@pytest.fixture
def churn(principal: Principal) -> Endpoint:
    """The endpoint ``churn``, whose champion was registered and promoted, but fitted long ago."""
    return create_endpoint(principal=principal, name="churn", model=promoted(principal).model)
