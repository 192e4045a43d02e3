"""An uploaded file becomes exactly one version, or none, and leaves nothing behind."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings as django_settings
from django.db import transaction
from pytest_django import Settings

from accounts.models import Role
from accounts.principals import Principal
from core.errors import Forbidden, NotFound
from datasets import errors, lake, services
from datasets.execution.ingestion import ingest
from datasets.execution.writing import write_version
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.schema import ColumnType, Schema
from datasets.schema import Role as ColumnRole
from jobs import services as job_services
from jobs.errors import IdempotencyKeyReused
from jobs.execution import claim
from jobs.execution.context import JobContext
from jobs.models import Job, JobStatus

Upload = Callable[..., Job]
Ingested = Callable[..., DatasetVersion]
RunJob = Callable[[Job], Job]

CSV = b"id,name,score,ok,at\n1,ann,0.5,true,2020-01-01\n2,,NA,false,2020-01-02\n"

pytestmark = pytest.mark.django_db


def uploads() -> list[Path]:
    folder = Path(django_settings.UPLOADS_ROOT)
    return list(folder.iterdir()) if folder.exists() else []


def test_a_csv_becomes_a_ready_version_with_schema_digest_and_profile(ingested: Ingested) -> None:
    version = ingested(CSV)
    assert (version.number, version.status, version.row_count) == (1, "ready", 2)
    assert len(version.sha256) == 64
    schema = Schema.from_dict(version.schema)
    assert [c.type.value for c in schema] == ["integer", "string", "number", "boolean", "timestamp"]
    assert [c.nullable for c in schema] == [False, True, True, False, False]
    assert schema.column("at").role is ColumnRole.TIMESTAMP
    assert version.profile["columns"][1]["nulls"] == 1
    assert {note["code"] for note in version.profile["notes"]} >= {"missing_tokens", "zone_assumed"}
    assert version.source["encoding"] == "utf-8"
    assert version.size_bytes


def test_types_survive_exactly(ingested: Ingested) -> None:
    version = ingested(CSV)
    table = lake.read_table(version)
    assert table.schema == Schema.from_dict(version.schema).to_arrow()
    assert table.to_pydict() == {
        "id": [1, 2],
        "name": ["ann", None],
        "score": [0.5, None],
        "ok": [True, False],
        "at": [datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)],
    }
    assert lake.read_table(version, ["ok", "id"]).column_names == ["ok", "id"]
    with pytest.raises(errors.ColumnNotFound):
        lake.read_table(version, ["nope"])


def test_the_upload_is_removed_when_its_version_is_ready(
    upload: Upload, run_job: RunJob, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    job = upload(CSV)
    assert len(uploads()) == 1
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        run_job(job)
    assert uploads() == []


def test_csv_and_parquet_of_the_same_rows_have_the_same_digest(ingested: Ingested) -> None:
    first = ingested(CSV)
    buffer = io.BytesIO()
    pq.write_table(lake.read_table(first), buffer, row_group_size=1)
    second = ingested(buffer.getvalue(), "data.parquet")
    assert second.number == 2
    assert second.sha256 == first.sha256


def test_the_same_file_twice_is_one_version(upload: Upload, run_job: RunJob) -> None:
    first = upload(CSV)
    assert upload(CSV).pk == first.pk
    run_job(first)
    assert upload(CSV).pk == first.pk
    assert DatasetVersion.objects.count() == 1
    assert len(uploads()) <= 1


def test_the_same_file_after_another_is_a_new_version(ingested: Ingested) -> None:
    ingested(CSV)
    ingested(b"a\n1\n")
    assert ingested(CSV).number == 3


def test_the_same_file_is_read_again_when_its_version_was_put_aside(
    principal: Principal, upload: Upload, ingested: Ingested
) -> None:
    services.archive_version(principal=principal, version=ingested(CSV))
    again = ingested(CSV)
    assert (again.number, again.status) == (2, "ready")
    services.archive_version(principal=principal, version=ingested(b"a\n1\n"))
    assert upload(CSV).pk == again.job_id


def test_the_same_file_is_held_to_a_schema_that_was_edited_since(
    principal: Principal, upload: Upload, run_job: RunJob, ingested: Ingested, dataset: Dataset
) -> None:
    first = ingested(CSV)
    columns = first.schema["columns"]
    services.edit_schema(
        principal=principal, dataset=dataset, columns=[{**columns[0], "maximum": 1}, *columns[1:]]
    )
    job = run_job(upload(CSV))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "schema_violated")
    services.release_schema(principal=principal, dataset=dataset)
    assert upload(CSV).pk == first.job_id


def test_the_same_idempotency_key_gives_the_same_job(upload: Upload) -> None:
    first = upload(CSV, idempotency_key="k1")
    upload(b"a\n1\n", idempotency_key="k2")
    assert upload(CSV, idempotency_key="k1").pk == first.pk
    with pytest.raises(IdempotencyKeyReused):
        upload(b"b\n1\n", idempotency_key="k1")
    assert DatasetVersion.objects.count() == 2
    assert len(uploads()) == 2


def test_two_uploads_at_once_become_n_and_n_plus_1(
    upload: Upload, run_all_jobs: Callable[[], list[Job]], dataset: Dataset
) -> None:
    upload(b"a\n1\n")
    upload(b"a\n2\n")
    run_all_jobs()
    found = dataset.versions.order_by("number")
    assert [(v.number, v.status) for v in found] == [(1, "ready"), (2, "ready")]
    assert [lake.read_table(v)["a"].to_pylist() for v in found] == [[1], [2]]


def test_uploads_finished_in_the_other_order_keep_their_own_rows(
    upload: Upload, run_job: RunJob, dataset: Dataset
) -> None:
    first, second = upload(b"a\n1\n"), upload(b"b\nx\n")
    run_job(second)
    run_job(first)
    found = dataset.versions.order_by("number")
    assert [lake.read_table(v).to_pydict() for v in found] == [{"a": [1]}, {"b": ["x"]}]


def test_appended_rows_follow_and_take_the_types_of_the_dataset(ingested: Ingested) -> None:
    first = ingested(b"id,x,zip\n1,0.5,01\n")
    second = ingested(b"zip,id,x\n12,2,3\n,3,\n", mode="append")
    assert second.parent == first
    table = lake.read_table(second)
    assert table.to_pydict() == {"id": [1, 2, 3], "x": [0.5, 3.0, None], "zip": ["01", "12", None]}
    assert table.schema.field("zip").type == ColumnType.STRING.arrow
    assert lake.read_table(first).num_rows == 1
    assert second.row_count == 3


@pytest.mark.parametrize(
    "content", [b"id,y\n1,2\n", b"id\n1\n", b"id,x,z\n1,2,3\n", b"id,x\nabc,1\n"]
)
def test_rows_that_do_not_fit_are_not_appended(
    ingested: Ingested, upload: Upload, run_job: RunJob, content: bytes
) -> None:
    first = ingested(b"id,x\n1,0.5\n")
    job = run_job(upload(content, mode="append"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "schema_mismatch")
    assert lake.read_table(first).num_rows == 1
    assert ingested(b"id,x\n7,1\n", mode="append").row_count == 2


def test_the_first_append_is_a_plain_version(ingested: Ingested) -> None:
    version = ingested(b"a\n1\n", mode="append")
    assert (version.parent, version.row_count) == (None, 1)


def test_an_append_that_was_overtaken_is_refused_and_can_be_tried_again(
    ingested: Ingested, upload: Upload, run_job: RunJob, principal: Principal, tmp_path: Path
) -> None:
    first = ingested(b"a\n1\n")
    job = upload(b"a\n2\n", mode="append")
    held = claim(job.pk, worker="test")
    assert held is not None
    job.refresh_from_db()
    context = JobContext(job=job, claim_token=held.token, principal=principal, scratch=tmp_path)
    conclude = ingest(context)
    written = write_version(
        dataset=first.dataset, table_or_batches=pa.table({"a": [9]}), transaction_id="other"
    )
    services.record_version(
        principal=principal, dataset=first.dataset, written=written, source={"kind": "retraining"}
    )
    with pytest.raises(errors.AppendOvertaken), transaction.atomic():
        conclude()
    version = DatasetVersion.objects.get(job=job)
    assert version.status == VersionStatus.BUILDING
    with transaction.atomic():
        ingest(context)()
    version.refresh_from_db()
    assert lake.read_table(version)["a"].to_pylist() == [9, 2]


@pytest.mark.parametrize(
    ("content", "filename", "code"),
    [
        (b"a,b\n1\n", "x.csv", "ragged_rows"),
        (b"a,b\n", "x.csv", "no_rows"),
        (b"a,a\n1,2\n", "x.csv", "bad_header"),
        (b"a\n1\x00\n", "x.csv", "unknown_encoding"),
        (b"x\n0.5\n1e400\n", "x.csv", "not_finite"),
        (b"PAR1 and no more", "x.parquet", "unreadable_file"),
        (b"a\n1\n", "x.parquet", "format_mismatch"),
        (b"PK\x03\x04....", "x.xlsx", "unreadable_file"),
    ],
)
def test_a_file_that_is_refused_leaves_a_failed_version_and_no_rows(
    upload: Upload, run_job: RunJob, dataset: Dataset, content: bytes, filename: str, code: str
) -> None:
    job = run_job(upload(content, filename))
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    version = DatasetVersion.objects.get(job=job)
    assert version.status == VersionStatus.FAILED
    assert lake.table_version(lake.dataset_path(dataset)) is None
    with pytest.raises(errors.VersionNotReady):
        lake.read_table(version)


def test_an_ordinary_upload_works_after_a_refused_one(
    upload: Upload, run_job: RunJob, ingested: Ingested
) -> None:
    run_job(upload(b"a,b\n1\n"))
    assert ingested(CSV).number == 2


def test_a_cancelled_job_fails_its_version_and_a_retry_makes_it_ready(
    upload: Upload, run_job: RunJob, principal: Principal
) -> None:
    job = upload(CSV)
    job_services.cancel(principal=principal, job=job)
    version = DatasetVersion.objects.get(job=job)
    assert version.status == VersionStatus.FAILED
    job_services.retry(principal=principal, job=job)
    job.refresh_from_db()
    assert run_job(job).status == JobStatus.SUCCEEDED
    version.refresh_from_db()
    assert version.status == VersionStatus.READY


def test_a_job_that_died_before_its_end_writes_its_rows_once(
    upload: Upload, run_job: RunJob, principal: Principal, tmp_path: Path, dataset: Dataset
) -> None:
    job = upload(CSV)
    held = claim(job.pk, worker="dies")
    assert held is not None
    job.refresh_from_db()
    ingest(JobContext(job=job, claim_token=held.token, principal=principal, scratch=tmp_path))
    assert lake.table_version(lake.dataset_path(dataset)) == 0
    Job.objects.filter(pk=job.pk).update(status=JobStatus.QUEUED, claim_token=None)
    assert run_job(job).status == JobStatus.SUCCEEDED
    assert lake.table_version(lake.dataset_path(dataset)) == 0


def test_progress_only_grows(
    upload: Upload, principal: Principal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    threads: set[int] = set()

    class Told(JobContext):
        def progress(self, fraction: float, stage: str, message: str = "") -> None:
            threads.add(threading.get_ident())
            told.append(fraction)

    job = upload(b"a,b\n" + b"".join(b"%d,x%d\n" % (i, i) for i in range(20_000)))
    held = claim(job.pk, worker="test")
    assert held is not None
    job.refresh_from_db()
    ingest(Told(job=job, claim_token=held.token, principal=principal, scratch=tmp_path))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 0.99)
    assert threads == {threading.get_ident()}


class _CutOff(io.BytesIO):
    """A connection that breaks off after some bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 0:
            raise ConnectionResetError
        return super().read(4)


def test_a_connection_cut_half_way_leaves_no_row_and_no_file(
    principal: Principal, dataset: Dataset
) -> None:
    with pytest.raises(ConnectionResetError):
        services.upload_version(
            principal=principal, dataset=dataset, file=_CutOff(CSV), filename="x.csv"
        )
    assert uploads() == []
    assert not DatasetVersion.objects.exists()
    assert not Job.objects.exists()


def test_a_file_beyond_the_limit_is_refused(upload: Upload, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    with pytest.raises(errors.UploadTooLarge):
        upload(b"a\n" * 20)
    with pytest.raises(errors.EmptyFile):
        upload(b"")
    assert uploads() == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..\\x.csv", "/abs/x.csv", "a\x00b\n.csv"]
)
def test_a_filename_never_leaves_the_upload_folder(upload: Upload, name: str) -> None:
    job = upload(CSV, name)
    assert [path.parent for path in uploads()] == [Path(django_settings.UPLOADS_ROOT)]
    shown = job.arguments["filename"]
    assert not set("/\\\x00\n") & set(shown)


def test_a_viewer_and_a_stranger_upload_nothing(
    principal_as: Callable[[Role], Principal], dataset: Dataset, other_project: object
) -> None:
    viewer = principal_as(Role.VIEWER)
    with pytest.raises(Forbidden):
        services.upload_version(
            principal=viewer, dataset=dataset, file=io.BytesIO(CSV), filename="x.csv"
        )
    stranger = Principal(None, "x", other_project.pk, "other", Role.ADMIN)  # type: ignore[attr-defined]
    with pytest.raises(NotFound):
        services.upload_version(
            principal=stranger, dataset=dataset, file=io.BytesIO(CSV), filename="x.csv"
        )
    with pytest.raises(NotFound):
        services.delete_dataset(principal=stranger, dataset=dataset)
