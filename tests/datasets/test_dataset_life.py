"""Datasets and their versions: names, rows that other rooms write, deletion, and moves from one status to another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from accounts.models import AuditEvent
from accounts.principals import Principal
from core.errors import Invalid
from datasets import errors, lake, services
from datasets.execution.writing import WrittenVersion, write_version
from datasets.models import NEXT_STATUSES, Dataset, DatasetVersion, VersionStatus
from jobs.models import Job

Upload = Callable[..., Job]
Ingested = Callable[..., DatasetVersion]

CSV = b"id,name\n1,ann\n2,\n"

pytestmark = pytest.mark.django_db


def test_a_name_is_taken_once_per_project(principal: Principal, dataset: Dataset) -> None:
    with pytest.raises(errors.NameTaken):
        services.create_dataset(principal=principal, name=" people ")
    for name in ("", "  ", "x" * 201, "a\nb"):
        with pytest.raises(Invalid):
            services.create_dataset(principal=principal, name=name)


def test_a_dataset_is_deleted_with_its_rows(
    ingested: Ingested,
    dataset: Dataset,
    principal: Principal,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    ingested(b"a\n1\n")
    ingested(b"a\n2\n", mode="append")
    path = Path(lake.dataset_path(dataset))
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        services.delete_dataset(principal=principal, dataset=dataset)
    assert not path.exists()
    assert not Dataset.objects.exists()
    assert AuditEvent.objects.filter(action="dataset.deleted").exists()


def test_a_dataset_in_use_is_not_deleted(
    ingested: Ingested, upload: Upload, dataset: Dataset, principal: Principal
) -> None:
    from experiments.models import Experiment, Run

    version = ingested(CSV)
    experiment = Experiment.objects.create(project=dataset.project, name="e")
    run = Run.objects.create(experiment=experiment, dataset_version=version)
    with pytest.raises(errors.DatasetInUse, match="1 run"):
        services.delete_dataset(principal=principal, dataset=dataset)
    run.delete()
    upload(b"a\n1\n")
    with pytest.raises(errors.DatasetInUse, match="being ingested"):
        services.delete_dataset(principal=principal, dataset=dataset)


def test_a_table_can_be_written_and_recorded_by_another_room(
    ingested: Ingested, principal: Principal
) -> None:
    parent = ingested(b"id,x\n1,0.5\n")
    rows = pa.table({"id": pa.array([1, 2], pa.int32()), "x": [0.5, float("nan")]})

    def write() -> WrittenVersion:
        return write_version(
            dataset=parent.dataset, table_or_batches=rows, transaction_id="retrain-1"
        )

    written, again = write(), write()
    assert written == again
    recorded = services.record_version(
        principal=principal,
        dataset=parent.dataset,
        written=written,
        parent=parent,
        source={"kind": "retraining"},
    )
    assert (recorded.number, recorded.parent) == (2, parent)
    assert lake.read_table(recorded).to_pydict() == {"id": [1, 2], "x": [0.5, None]}


def test_batches_from_an_iterator_can_be_written(dataset: Dataset) -> None:
    table = pa.table({"a": list(range(10))})
    written = write_version(
        dataset=dataset,
        table_or_batches=iter(table.to_batches(max_chunksize=3)),
        transaction_id="batches",
    )
    assert (written.row_count, written.schema.names) == (10, ("a",))


@pytest.mark.parametrize("before", list(VersionStatus))
@pytest.mark.parametrize("after", list(VersionStatus))
def test_a_version_makes_only_the_moves_that_are_listed(
    before: VersionStatus, after: VersionStatus
) -> None:
    version = DatasetVersion(dataset=Dataset(name="x"), number=1, status=before)
    if after in NEXT_STATUSES[before]:
        version.check_move(after)
    else:
        with pytest.raises(errors.IllegalVersionMove):
            version.check_move(after)


def test_a_version_can_be_archived_and_restored(ingested: Ingested, principal: Principal) -> None:
    version = ingested(CSV)
    archived = services.archive_version(principal=principal, version=version)
    assert archived.status == VersionStatus.ARCHIVED
    assert lake.read_table(archived).num_rows == 2
    restored = services.restore_version(principal=principal, version=archived)
    assert restored.status == VersionStatus.READY
    with pytest.raises(errors.IllegalVersionMove):
        services.restore_version(principal=principal, version=restored)
