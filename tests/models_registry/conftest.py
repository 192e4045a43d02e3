"""Versions of a model, registered through the services; the pipelines are fitted once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from accounts.models import Role
from accounts.principals import Principal
from accounts.selectors import principal_of_user
from core.blobs import default_store
from models_registry import services
from models_registry.models import ModelVersion, RegisteredModel, VersionStatus
from tests.models_registry.fitting import fit, validated

MakeVersion = Callable[..., ModelVersion]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let OpenMP use one thread: several wait busily for each other on a machine that has other work."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def model(principal: Principal) -> RegisteredModel:
    """A model for classification, with the default gates."""
    return services.get_or_create_model(principal=principal, name="churn", task="classification")


@pytest.fixture
def make_version(principal: Principal, model: RegisteredModel) -> MakeVersion:
    """Return a function that registers and judges a version; metrics can be given to fail gates."""

    def make(
        *,
        of: RegisteredModel | None = None,
        judged: bool = True,
        metrics: dict[str, float | None] | None = None,
        seed: int = 5,
        **changes: Any,
    ) -> ModelVersion:
        one, outcome = fit("logistic", "binary"), validated("logistic", "binary")
        measured = replace(
            outcome.measurements, metrics={**outcome.measurements.metrics, **(metrics or {})}
        )
        store = default_store()
        blob = store.put_bytes(outcome.artifact)
        reference = io.BytesIO()
        pq.write_table(
            pa.Table.from_pandas(one.held_out.to_frame(), preserve_index=False), reference
        )
        artifact = services.VersionArtifact(
            task="classification",
            estimator="logistic",
            signature=one.signature.to_dict(),
            artifact_digest=blob.digest,
            artifact_size_bytes=blob.size_bytes,
            onnx_digest="",
            runtime=outcome.runtime,
            runtime_report=outcome.runtime_report,
            reference_digest=store.put_bytes(reference.getvalue()).digest,
            metrics=measured.metrics,
            baseline_metrics=measured.baseline_metrics,
            seed=seed,
        )
        version = services.register_version(
            principal=principal,
            model=of or model,
            run=None,
            dataset_version=None,
            artifact=replace(artifact, **changes),
        )
        if not judged:
            return version
        return services.record_validation(
            principal=principal, version=version, measurements=measured
        )

    return make


@pytest.fixture
def bare_version(model: RegisteredModel) -> ModelVersion:
    """A ready version that is nothing but a row: no files, no gate results."""
    return ModelVersion.objects.create(
        model=model,
        number=1,
        status=VersionStatus.READY,
        task="classification",
        estimator="logistic",
        artifact_digest="0" * 64,
    )


@pytest.fixture
def outsider(make_user: Callable[..., User], other_project: Any) -> Principal:
    """An administrator of another project."""
    member = make_user(Role.ADMIN, in_project=other_project)
    return principal_of_user(member, other_project.slug)
