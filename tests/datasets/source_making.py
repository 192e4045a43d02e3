"""Making and reading sources in tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from pytest_django import Settings

from accounts.principals import Principal
from datasets import services
from datasets.models import Dataset, DatasetVersion, Source, SourceRun
from datasets.services import SourceTerms
from jobs.models import Job, JobStatus

_TERMS = ("name", "mode", "watermark_column", "enabled", "on_bad_rows", "most_bad_share")


class MakeSource(Protocol):
    def __call__(self, kind: str, **values: Any) -> Source: ...


@pytest.fixture
def incoming(tmp_path: Path, settings: Settings) -> Path:
    """A folder that sources may read."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    settings.SOURCE_PATHS = [str(folder)]
    return folder


@pytest.fixture
def make_source(principal: Principal, dataset: Dataset) -> MakeSource:
    """Return a function that gives the dataset a source; what is no term is a setting."""

    def make(kind: str, **values: Any) -> Source:
        terms: dict[str, Any] = {name: values.pop(name) for name in _TERMS if name in values}
        secrets, schedule = values.pop("secrets", None), values.pop("schedule", None)
        wanted: dict[str, Any] = {"name": kind, **terms, "settings": values}
        return services.create_source(
            principal=principal,
            dataset=dataset,
            kind=kind,
            secrets=secrets,
            schedule=schedule,
            terms=SourceTerms(**wanted),
        )

    return make


@pytest.fixture
def read_source(
    principal: Principal, run_job: Callable[[Job], Job]
) -> Callable[[Source], SourceRun]:
    """Return a function that reads a source and returns the run, which must have succeeded."""

    def read(source: Source) -> SourceRun:
        job = run_job(services.run_source(principal=principal, source=source))
        assert job.status == JobStatus.SUCCEEDED, job.error_message
        source.refresh_from_db()
        return source.runs.select_related("dataset_version").get(job=job)

    return read


@pytest.fixture
def failed_read(principal: Principal, run_job: Callable[[Job], Job]) -> Callable[[Source], Job]:
    """Return a function that reads a source and returns the job, which must have failed."""

    def read(source: Source) -> Job:
        job = run_job(services.run_source(principal=principal, source=source))
        assert job.status == JobStatus.FAILED
        return job

    return read


def version_of(run: SourceRun) -> DatasetVersion:
    """Return the version that a run made."""
    assert run.dataset_version is not None
    return run.dataset_version


def write_text(path: Path, text: str) -> Path:
    """Write a file, its folders included, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
