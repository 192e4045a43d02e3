"""What a source brings goes through the same gate as an upload: edited schema, quarantine, data checks."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake, services
from datasets.errors import AppendOvertaken, SourceOvertaken
from datasets.models import DataCheck, Dataset, DatasetVersion, RunOutcome, Source, SourceRun
from datasets.services.source_terms import terms_of
from jobs import services as job_services
from jobs.models import Job, JobStatus
from tests.datasets.source_making import MakeSource, version_of

pytestmark = pytest.mark.django_db

Read = Callable[[Source], SourceRun]
FailedRead = Callable[[Source], Job]


def ages_in(version: DatasetVersion) -> list[int]:
    return [int(age) for age in lake.read_table(version)["age"].to_pylist()]


def aside(version: DatasetVersion) -> list[tuple[int, str]]:
    rows = lake.quarantined(version, offset=0, limit=100).to_pylist()
    return [(one["row"], one["reason"]) for one in rows]


@pytest.fixture
def strict(principal: Principal, dataset: Dataset) -> DataCheck:
    """A check that blocks versions with impossible ages."""
    return services.create_check(
        principal=principal,
        dataset=dataset,
        kind="range",
        columns=["age"],
        parameters={"minimum": 0, "maximum": 120},
        severity="error",
    )


@pytest.fixture
def growing(incoming: Path, make_source: MakeSource) -> tuple[Path, Source]:
    """A file with one good row, and a source that appends what is beyond its watermark."""
    path = incoming / "a.csv"
    path.write_text("at,age\n1,30\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    return path, source


def held(job: Job) -> DatasetVersion:
    """Return the version of a job that checks hold back."""
    assert job.error_code == "checks_failed", job.error_message
    version = DatasetVersion.objects.get(job=job)
    assert version.status == "failed"
    return version


def test_a_check_that_fails_blocks_the_version_of_a_source_and_its_position(
    strict: DataCheck, growing: tuple[Path, Source], read_source: Read, failed_read: FailedRead
) -> None:
    path, source = growing
    assert version_of(read_source(source)).check_results.get().verdict == "passed"
    path.write_text("at,age\n1,30\n2,410\n")
    job = failed_read(source)
    version = held(job)
    result = version.check_results.get()
    assert (result.verdict, result.failed_count) == ("failed", 1)
    run = source.runs.get(job=job)
    assert (run.outcome, run.error_code, run.dataset_version, run.rows) == (
        RunOutcome.FAILED,
        "checks_failed",
        version,
        1,
    )
    source.refresh_from_db()
    assert source.position["watermark"]["value"] == 1


def test_the_same_rows_wait_in_one_version_however_often_they_are_read(
    strict: DataCheck, growing: tuple[Path, Source], read_source: Read, failed_read: FailedRead
) -> None:
    path, source = growing
    read_source(source)
    path.write_text("at,age\n1,30\n2,410\n")
    first, second = held(failed_read(source)).pk, failed_read(source)
    assert held(second).pk == first
    assert held(second).check_results.filter(is_current=True).count() == 1
    path.write_text("at,age\n1,30\n2,411\n")
    assert held(failed_read(source)).pk != first


def test_a_version_that_is_let_through_takes_the_watermark_with_it(
    strict: DataCheck,
    growing: tuple[Path, Source],
    read_source: Read,
    failed_read: FailedRead,
    principal: Principal,
) -> None:
    path, source = growing
    read_source(source)
    path.write_text("at,age\n1,30\n2,410\n")
    version = held(failed_read(source))
    ready = services.waive_checks(principal=principal, version=version, reason="a test patient")
    assert ages_in(ready) == [30, 410]
    run = source.runs.get(dataset_version=ready)
    assert (run.outcome, run.error_message, run.held_position) == (RunOutcome.COLLECTED, "", {})
    source.refresh_from_db()
    assert source.position["watermark"]["value"] == 2
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    services.change_check(principal=principal, check=strict, is_enabled=False)
    path.write_text("at,age\n1,30\n2,410\n3,22\n")
    assert ages_in(version_of(read_source(source))) == [30, 410, 22]


def test_of_two_versions_that_are_held_back_one_is_let_through(
    strict: DataCheck,
    growing: tuple[Path, Source],
    read_source: Read,
    failed_read: FailedRead,
    principal: Principal,
) -> None:
    path, source = growing
    read_source(source)
    path.write_text("at,age\n1,30\n2,410\n")
    first = held(failed_read(source))
    path.write_text("at,age\n1,30\n2,410\n3,22\n")
    second = held(failed_read(source))
    services.waive_checks(principal=principal, version=second, reason="both at once")
    with pytest.raises(AppendOvertaken):
        services.waive_checks(principal=principal, version=first, reason="too late")
    source.refresh_from_db()
    assert source.position["watermark"]["value"] == 3


def test_a_source_that_was_reset_meanwhile_would_read_the_rows_again(
    strict: DataCheck,
    growing: tuple[Path, Source],
    read_source: Read,
    failed_read: FailedRead,
    principal: Principal,
) -> None:
    path, source = growing
    read_source(source)
    path.write_text("at,age\n1,30\n2,410\n")
    version = held(failed_read(source))
    services.reset_source(principal=principal, source=source)
    with pytest.raises(SourceOvertaken, match="would append these rows again"):
        services.waive_checks(principal=principal, version=version, reason="hurry")
    version.refresh_from_db()
    assert version.status == "failed"


def test_a_job_that_is_tried_again_after_the_check_was_mended_makes_its_version_ready(
    strict: DataCheck,
    growing: tuple[Path, Source],
    failed_read: FailedRead,
    principal: Principal,
    run_job: Callable[[Job], Job],
) -> None:
    path, source = growing
    path.write_text("at,age\n1,410\n")
    job = failed_read(source)
    version = held(job)
    services.change_check(principal=principal, check=strict, parameters={"maximum": 500})
    assert run_job(job_services.retry(principal=principal, job=job)).status == JobStatus.SUCCEEDED
    version.refresh_from_db()
    assert version.status == "ready"
    assert DatasetVersion.objects.count() == 1
    source.refresh_from_db()
    assert source.position["version"] == version.pk


def edit_limits(principal: Principal, dataset: Dataset, version: DatasetVersion) -> None:
    columns = [dict(column) for column in version.schema["columns"]]
    for column in columns:
        if column["name"] == "age":
            column |= {"minimum": 0, "maximum": 120, "nullable": False}
    services.edit_schema(principal=principal, dataset=dataset, columns=columns)


def test_the_edited_schema_refuses_rows_of_a_source_by_their_number_in_the_file(
    growing: tuple[Path, Source],
    read_source: Read,
    failed_read: FailedRead,
    principal: Principal,
    dataset: Dataset,
) -> None:
    path, source = growing
    edit_limits(principal, dataset, version_of(read_source(source)))
    path.write_text("at,age\n1,30\n2,31\n3,410\n")
    job = failed_read(source)
    assert job.error_code == "schema_violated"
    assert job.error_message.startswith("Row 4, column 'age': '410' ")
    assert DatasetVersion.objects.count() == 1


def test_unchanged_files_are_read_again_for_another_schema_and_when_their_version_was_put_aside(
    incoming: Path, make_source: MakeSource, read_source: Read, principal: Principal
) -> None:
    (incoming / "a.csv").write_text("id,age\n1,30\n")
    source = make_source("path", path=str(incoming / "a.csv"))
    first = version_of(read_source(source))
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    columns = first.schema["columns"]
    services.edit_schema(
        principal=principal,
        dataset=source.dataset,
        columns=[{**columns[0], "role": "identifier"}, *columns[1:]],
    )
    second = version_of(read_source(source))
    assert [one["role"] for one in second.schema["columns"]] == ["identifier", "feature"]
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    services.archive_version(principal=principal, version=second)
    assert version_of(read_source(source)).number == 3


def test_rows_of_a_source_that_break_the_schema_or_cannot_be_read_are_put_aside(
    growing: tuple[Path, Source], read_source: Read, principal: Principal, dataset: Dataset
) -> None:
    path, source = growing
    edit_limits(principal, dataset, version_of(read_source(source)))
    terms = replace(terms_of(source), on_bad_rows="quarantine", most_bad_share=0.75)
    services.change_source(principal=principal, source=source, terms=terms)
    path.write_text("at,age\n1,30\n2\n3,410\n4,22\n")
    run = read_source(source)
    version = version_of(run)
    assert (run.rows, ages_in(version)) == (1, [30, 22])
    (ragged, cells), (old, age) = aside(version)
    assert (ragged, cells) == (3, "1 cell(s) instead of 2")
    assert (old, age.split(":")[0]) == (4, "column 'age'")
    assert version.quarantined_rows == 2
    assert source.position["watermark"]["value"] == 4


def test_too_large_a_share_of_bad_rows_fails_the_run(
    incoming: Path, make_source: MakeSource, failed_read: FailedRead
) -> None:
    (incoming / "a.csv").write_text("at,age\n1,30\n2\n")
    source = make_source("path", path=f"{incoming}/a.csv", on_bad_rows="quarantine")
    job = failed_read(source)
    assert job.error_code == "too_many_bad_rows"
    assert not DatasetVersion.objects.exists()


def test_of_several_files_the_quarantine_names_the_one(
    incoming: Path, make_source: MakeSource, read_source: Read
) -> None:
    (incoming / "1.csv").write_text("at,age\n1,30\n")
    (incoming / "2.csv.gz").write_bytes(gzip.compress(b"at,age\n2,31\n3\n"))
    source = make_source("path", path=f"{incoming}/*", on_bad_rows="quarantine", most_bad_share=0.5)
    version = version_of(read_source(source))
    assert ages_in(version) == [30, 31]
    assert aside(version) == [(3, "'2.csv.gz': 1 cell(s) instead of 2")]


def test_numbers_of_bad_rows_are_right_in_every_block_of_a_file(
    incoming: Path,
    make_source: MakeSource,
    read_source: Read,
    principal: Principal,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from datasets.formats import limits

    monkeypatch.setattr(limits.Limits, "__init__", small_blocks(limits.Limits.__init__))
    path = incoming / "a.csv"
    path.write_text("at,age\n1,30\n")
    source = make_source("path", path=str(path), on_bad_rows="quarantine", most_bad_share=0.9)
    edit_limits(principal, dataset, version_of(read_source(source)))
    rows = [f"{at},{500 if at % 100 == 7 else 20}" for at in range(1, 2001)]
    rows[2] = "3,old"  # cannot be read: in the first block only
    path.write_text("\n".join(["at,age", *rows, ""]))
    version = version_of(read_source(source))
    assert version.row_count == 2000 - 21
    assert [row for row, _ in aside(version)] == [4, *(at + 1 for at in range(7, 2001, 100))]


def small_blocks(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **values: Any) -> None:
        original(self, *args, **{**values, "block_bytes": 2048})

    return init


def test_what_becomes_of_bad_rows_is_said_over_rest(
    api: Callable[..., APIClient], growing: tuple[Path, Source]
) -> None:
    _, source = growing
    client = api()
    url = f"/api/v1/sources/{source.pk}/"
    assert client.get(url).json()["on_bad_rows"] == "refuse"
    changed = client.patch(url, {"on_bad_rows": "quarantine", "most_bad_share": 0.2})
    assert (changed.json()["on_bad_rows"], changed.json()["most_bad_share"]) == ("quarantine", 0.2)
    for wrong in ({"on_bad_rows": "ignore"}, {"most_bad_share": 2}):
        answer = client.patch(url, wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, *wrong)


def test_a_share_is_a_share(incoming: Path, make_source: MakeSource) -> None:
    with pytest.raises(Invalid) as refusal:
        make_source("path", path=f"{incoming}/a.csv", most_bad_share=float("nan"))
    assert refusal.value.field == "most_bad_share"
