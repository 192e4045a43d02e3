"""A person is erased: before, during, after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest
from django.conf import settings

from accounts import audit
from accounts.models import AuditEvent
from accounts.principals import Principal
from core.blobs import default_store
from datasets import lake
from datasets.digest import digest_batches
from datasets.erasure import Subject
from datasets.execution.erasure import rewriting
from datasets.models import DatasetVersion, ErasureRequest, ErasureStatus
from datasets.previews import preview_rows
from datasets.schema import Schema
from datasets.services.erasure import (
    confirm_erasure,
    request_erasure,
    resume_erasure,
    verify_version,
)
from jobs.models import Job, JobStatus
from models_registry.models import ModelVersion
from monitoring.models import GroundTruth
from serving.selectors.predictions import find_predictions
from serving.selectors.subjects import subject_predictions
from tests.erasure.conftest import SUBJECT, dataset_of
from tests.erasure.spelled import files_that_spell

RunJob = Callable[[Job], Job]


def searched(principal: Principal, run_job: RunJob) -> ErasureRequest:
    request = request_erasure(
        principal=principal, subject=SUBJECT, column="patient", reason="asked"
    )
    assert request.job is not None
    done = run_job(request.job)
    assert done.status == JobStatus.SUCCEEDED, done.error_message
    request.refresh_from_db()
    return request


def erased(principal: Principal, second: Principal, run_job: RunJob) -> tuple[ErasureRequest, Job]:
    request = confirm_erasure(
        principal=second, request=searched(principal, run_job), subject=SUBJECT
    )
    assert request.job is not None
    job = run_job(request.job)
    request.refresh_from_db()
    return request, job


def by_kind(findings: list[dict[str, object]]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for one in findings:
        found.setdefault(str(one["kind"]), []).append(one)
    return found


def test_a_subject_is_found_erased_and_gone(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    model: ModelVersion,
    predicted: list[UUID],
    run_job: RunJob,
    lake_home: Path,
) -> None:
    # before: the search says what there is, and changes nothing
    request = searched(principal, run_job)
    assert request.status == ErasureStatus.SEARCHED
    found = by_kind(request.before)
    assert [(one["label"], one["rows"], one["total"]) for one in found["dataset_version"]] == [
        ("demo/hospital v1", 6, 60),
        ("demo/hospital v2", 10, 100),
    ]
    assert [one["rows"] for one in found["prediction"]] == [2]
    assert [one["rows"] for one in found["ground_truth"]] == [2]
    assert [one["rows"] for one in found["run"]] == [10]
    [affected] = found["model_version"]
    assert affected["target"] == ["models_registry.modelversion", str(model.pk)]
    assert "Train it again" in str(affected["detail"])
    [sample] = found["reference_sample"]
    assert isinstance(sample["rows"], int)
    assert sample["rows"] > 0
    assert SUBJECT not in str(request.before)
    assert files_that_spell(SUBJECT, lake_home)
    reference = default_store().read(model.reference_digest)

    # during
    request = confirm_erasure(principal=second, request=request, subject=SUBJECT, comment="yes")
    assert request.status == ErasureStatus.CONFIRMED
    assert request.job is not None
    done = run_job(request.job)
    assert done.status == JobStatus.SUCCEEDED, done.error_message
    assert done.result["affected_model_versions"] == [model.pk]

    # after
    request.refresh_from_db()
    assert request.status == ErasureStatus.DONE
    assert request.after == []
    assert request.subject_sealed == ""
    first, appended, untouched = (DatasetVersion.objects.get(pk=one.pk) for one in hospital)
    assert [(one.row_count, one.erasure_affected) for one in (first, appended, untouched)] == [
        (54, True),
        (90, True),
        (2, False),
    ]
    assert untouched.sha256 == hospital[2].sha256
    for version, former in ((first, hospital[0]), (appended, hospital[1])):
        [history] = version.erasures.all()
        assert (history.sha256_before, history.sha256_after) == (former.sha256, version.sha256)
        assert history.rows_removed == former.row_count - version.row_count  # type: ignore[operator]
        assert version.profile["row_count"] == version.row_count
        rows = lake.read_table(version)
        assert SUBJECT not in rows["patient"].to_pylist()
        schema = Schema.from_dict(version.schema)
        assert digest_batches(schema, rows.to_batches()) == version.sha256
        job = run_job(verify_version(principal=principal, version=version))
        assert job.result["matches"] is True
    last = preview_rows(appended, offset=80, limit=20)
    assert [len(last.rows), last.rows[-1][0]] == [10, "patient-0099"]
    dataset = dataset_of(hospital)
    below, above = (
        lake.pinned_files(lake.dataset_path(dataset), one.delta_version or 0)
        for one in (first, appended)
    )
    assert below < above  # rows that were appended still share the files of those before

    # models are marked, samples rebuilt
    model.refresh_from_db()
    assert model.erasure_affected_at is not None
    assert model.erasure_marks == {str(request.reference): 10}
    assert default_store().read(model.reference_digest) != reference

    # predictions and labels
    left = find_predictions(project_id=principal.project_id, prediction_ids=predicted)
    assert set(left) == {predicted[1], predicted[3], predicted[4]}
    assert set(GroundTruth.objects.values_list("prediction_id", flat=True)) == set(left)

    # nowhere in the home folder, and in no event or job
    assert files_that_spell(SUBJECT, lake_home) == []
    events = AuditEvent.objects.all()
    assert not [one for one in events if SUBJECT in f"{one.summary}{one.changes}"]
    assert not [
        job for job in Job.objects.all() if SUBJECT in f"{job.title}{job.arguments}{job.result}"
    ]
    assert AuditEvent.objects.filter(action="dataset_version.rows_erased").count() == 2


@pytest.mark.parametrize("where", ["before pinning", "after pinning", "in serving"])
def test_an_erasure_that_broke_off_ends_as_if_it_had_not(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    predicted: list[UUID],
    run_job: RunJob,
    lake_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    broken = {
        "before pinning": (rewriting, "_pin"),
        "after pinning": (rewriting, "remove_former_tables"),
        "in serving": (lake, "purge"),
    }[where]
    real = getattr(*broken)
    calls: list[int] = []

    def break_off(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the power went")
        return real(*args, **kwargs)

    monkeypatch.setattr(*broken, break_off)
    request, job = erased(principal, second, run_job)
    assert job.status == JobStatus.FAILED
    assert request.status == ErasureStatus.FAILED
    assert request.subject_sealed
    request = resume_erasure(principal=second, request=request)
    assert request.job is not None
    done = run_job(request.job)
    assert done.status == JobStatus.SUCCEEDED, done.error_message
    counts = [DatasetVersion.objects.get(pk=one.pk).row_count for one in hospital]
    assert counts == [54, 90, 2]
    assert [one.erasures.count() for one in hospital] == [1, 1, 0]
    assert files_that_spell(SUBJECT, lake_home) == []
    assert len(list((lake_home / "lake" / "datasets").iterdir())) == 1


def test_a_version_of_nothing_but_the_subject_is_left_without_rows(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    upload_to: Callable[[str], DatasetVersion],
) -> None:
    only = upload_to(f"patient,age,dose,ill\n{SUBJECT},1,1.5,no\n{SUBJECT},2,2.5,yes\n")
    _, job = erased(principal, second, run_job)
    assert job.status == JobStatus.SUCCEEDED, job.error_message
    only.refresh_from_db()
    assert (only.status, only.row_count, only.has_rows) == ("archived", 0, False)


def test_rows_of_a_failed_write_and_kept_uploads_are_erased_too(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    lake_home: Path,
) -> None:
    dataset = dataset_of(hospital)
    schema = Schema.from_dict(hospital[0].schema)
    stray = pa.table(
        {"patient": [SUBJECT], "age": [1], "dose": [1.0], "ill": ["no"]}, schema=schema.to_arrow()
    )
    lake.write_version_rows(
        lake.dataset_path(dataset), schema, lambda: stray.to_batches(), transaction_id="lost"
    )
    kept = lake_home / "uploads" / "01234567-0123-0123-0123-0123456789ab.upload"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(f"patient\n{SUBJECT}\n", encoding="utf-8")
    DatasetVersion.objects.create(
        dataset=dataset,
        number=9,
        status="failed",
        source={"upload": kept.name, "filename": "x.csv"},
    )
    request = searched(principal, run_job)
    found = by_kind(request.before)
    assert found["stray_rows"][0]["rows"] == 1
    assert "hospital v9: x.csv" in str(found["upload"])
    request = confirm_erasure(principal=second, request=request, subject=SUBJECT)
    assert request.job is not None
    assert run_job(request.job).status == JobStatus.SUCCEEDED
    assert files_that_spell(SUBJECT, lake_home) == []


def test_messages_of_jobs_lose_the_key(
    principal: Principal, second: Principal, hospital: list[DatasetVersion], run_job: RunJob
) -> None:
    Job.objects.update(error_message=f"The value '{SUBJECT}' of row 3 is odd; {SUBJECT}x is not.")
    _, job = erased(principal, second, run_job)
    assert job.status == JobStatus.SUCCEEDED, job.error_message
    texts = set(Job.objects.exclude(error_message="").values_list("error_message", flat=True))
    assert texts == {f"The value '[erased]' of row 3 is odd; {SUBJECT}x is not."}


def test_a_file_on_its_way_in_makes_the_erasure_wait_and_leaves_no_trace(
    principal: Principal, second: Principal, hospital: list[DatasetVersion], run_job: RunJob
) -> None:
    building = DatasetVersion.objects.create(dataset=dataset_of(hospital), number=9)
    request, job = erased(principal, second, run_job)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "erasure_must_wait")
    assert (request.status, request.began_at) == (ErasureStatus.SEARCHED, None)
    assert DatasetVersion.objects.get(pk=hospital[0].pk).row_count == 60
    building.delete()
    request = confirm_erasure(principal=second, request=request, subject=SUBJECT)
    assert request.job is not None
    assert run_job(request.job).status == JobStatus.SUCCEEDED


def test_an_integer_key_is_found_in_columns_and_predictions_alike() -> None:
    from uuid import uuid4

    subject = Subject(project_id=1, names=("id",), value="42", erasure=UUID(int=1))
    assert "42" not in repr(subject)
    table = pa.table({"id": [42, 4, None], "x": [1, 42, 42]})
    assert subject.mask(table).to_pylist() == [True, False, False]
    assert subject.mask(table.select(["x"])).to_pylist() == [False] * 3
    for found, expected in ((42, True), (42.0, True), ("42", True), (True, False), (None, False)):
        assert subject.is_in({"id": found}) is expected
    assert not subject.is_in({"x": 42})
    for kind in (pa.float64(), pa.string(), pa.int8()):
        assert subject.count(pa.table({"id": pa.array([42, 1]).cast(kind)})) == 1
    odd = Subject(project_id=1, names=("id",), value="x-1", erasure=uuid4())
    assert odd.count(table) == 0


def test_predictions_that_came_by_column_are_found(
    principal: Principal, predicted: list[UUID]
) -> None:
    from uuid import uuid4

    subject = Subject(principal.project_id, ("patient",), SUBJECT, uuid4())
    found = subject_predictions(subject)
    assert found.ids == (str(predicted[0]), str(predicted[2]))
    assert found.waiting == 2
    assert Path(settings.PREDICTION_LOG_ROOT).is_dir()


def test_statements_in_the_audit_trail_lose_the_key_and_nothing_else(
    principal: Principal, second: Principal, hospital: list[DatasetVersion], run_job: RunJob
) -> None:
    query = f"SELECT * FROM hospital WHERE patient = '{SUBJECT}'"
    event = audit.record(
        principal=principal,
        action="sql.run",
        target=hospital[0],
        summary=query,
        changes={"query": query, "rows": 6, "parts": [{"text": SUBJECT}]},
    )
    _, job = erased(principal, second, run_job)
    assert job.status == JobStatus.SUCCEEDED, job.error_message
    event.refresh_from_db()
    assert event.summary == "SELECT * FROM hospital WHERE patient = '[erased]'"
    assert event.changes == {
        "query": event.summary,
        "rows": 6,
        "parts": [{"text": "[erased]"}],
    }
    assert event.actor_name == principal.username
    assert AuditEvent.objects.get(action="erasure.trail_redacted").changes == {"events": [event.pk]}
