"""Fixtures of the datasets tests."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.principals import Principal
from datasets import services
from datasets.formats import Limits
from datasets.formats.detection import open_source
from datasets.formats.source import Source
from datasets.models import Dataset, DatasetVersion
from jobs.models import Job, JobStatus


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Source]:
    """Return a function that writes bytes to a file and opens it."""

    def open_bytes(content: bytes, filename: str = "data.csv", **limits: int) -> Source:
        path = tmp_path / "content"
        path.write_bytes(content)
        return open_source(path, filename=filename, limits=Limits(**limits))

    return open_bytes


@pytest.fixture
def dataset(principal: Principal) -> Dataset:
    """An empty dataset of the project."""
    return services.create_dataset(principal=principal, name="people")


@pytest.fixture
def upload(principal: Principal, dataset: Dataset) -> Callable[..., Job]:
    """Return a function that uploads bytes to the dataset."""

    def send(content: bytes, filename: str = "data.csv", **options: Any) -> Job:
        return services.upload_version(
            principal=principal,
            dataset=dataset,
            file=io.BytesIO(content),
            filename=filename,
            **options,
        )

    return send


@pytest.fixture
def ingested(
    upload: Callable[..., Job], run_job: Callable[[Job], Job]
) -> Callable[..., DatasetVersion]:
    """Return a function that uploads bytes and ingests them."""

    def make(content: bytes, filename: str = "data.csv", **options: Any) -> DatasetVersion:
        job = run_job(upload(content, filename, **options))
        assert job.status == JobStatus.SUCCEEDED, job.error_message
        return DatasetVersion.objects.get(pk=job.result["dataset_version"])

    return make
