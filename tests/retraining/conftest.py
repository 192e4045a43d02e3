"""An endpoint with a champion, as the rooms below leave it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from accounts.models import Project
from core.clock import now
from datasets.models import Dataset, DatasetVersion, VersionStatus
from models_registry.models import Alias, ModelVersion, RegisteredModel, Task, Validation
from models_registry.models import VersionStatus as ModelStatus
from monitoring.models import Alert, GroundTruth
from retraining.models import RetrainPolicy
from serving.models import Endpoint


@pytest.fixture
def champion(project: Project) -> ModelVersion:
    """A champion that was trained here, as far as its rows say."""
    data = DatasetVersion.objects.create(
        dataset=Dataset.objects.create(project=project, name="cells"),
        number=1,
        status=VersionStatus.READY,
        delta_version=0,
        row_count=10,
        sha256="0" * 64,
    )
    version = ModelVersion.objects.create(
        model=RegisteredModel.objects.create(project=project, name="tumour"),
        number=1,
        status=ModelStatus.READY,
        validation=Validation.PASSED,
        dataset_version=data,
        task=Task.CLASSIFICATION,
        estimator="logistic",
        artifact_digest="1" * 64,
        spec={"target": "diagnosis"},
    )
    Alias.objects.create(model=version.model, name="champion", version=version)
    return version


@pytest.fixture
def endpoint(project: Project, champion: ModelVersion) -> Endpoint:
    """The endpoint that serves the champion."""
    return Endpoint.objects.create(project=project, name="tumour", model=champion.model)


@pytest.fixture
def policy(endpoint: Endpoint) -> RetrainPolicy:
    """A policy that retrains on drift."""
    return RetrainPolicy.objects.create(endpoint=endpoint, cooldown_hours=0.0)


@pytest.fixture
def open_alert(endpoint: Endpoint) -> Callable[..., Alert]:
    """Return a function that opens an alert of the endpoint."""

    def make(kind: str = Alert.Kind.DRIFT, **values: object) -> Alert:
        number = Alert.objects.count()
        return Alert.objects.create(
            project=endpoint.project,
            endpoint=endpoint,
            kind=kind,
            fingerprint=f"{kind}-{number}",
            title="mean radius drifts",
            **values,
        )

    return make


@pytest.fixture
def add_labels(endpoint: Endpoint) -> Callable[[int], None]:
    """Return a function that records labels for the endpoint."""

    def add(count: int) -> None:
        GroundTruth.objects.bulk_create(
            GroundTruth(
                project=endpoint.project,
                endpoint=endpoint,
                prediction_id=uuid.uuid4(),
                value="benign",
                predicted_at=now(),
            )
            for _ in range(count)
        )

    return add
