"""Batch scorings for tests: versions to score, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.db import transaction

from accounts.principals import Principal
from datasets import lake
from datasets.execution.recording import create_ready_version
from datasets.execution.writing import write_version
from datasets.lake import parts
from datasets.models import DatasetVersion
from datasets.services import create_dataset
from jobs.models import Job
from serving.execution import scoring as execution
from serving.models import BatchScoring
from tests.models_registry.fitting import frame_of

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
