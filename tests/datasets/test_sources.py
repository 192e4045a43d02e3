"""Sources: reading, increments, exactly once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from accounts.models import AuditEvent
from accounts.principals import Principal
from core.errors import DomainError
from datasets import lake, services
from datasets.errors import (
    DatasetInUse,
    IllegalRunMove,
    SourceRunUnderWay,
)
from datasets.execution import collecting
from datasets.models import (
    NEXT_OUTCOMES,
    Dataset,
    DatasetVersion,
    RunOutcome,
    Source,
    SourceRun,
)
from datasets.schema import Schema
from datasets.services import SourceTerms
from datasets.services.source_terms import terms_of
from datasets.tasks import collect_on_schedule
from jobs import services as job_services
from jobs.models import Job, JobStatus
from jobs.schedule import Interval, parse_crontab
from tests.datasets.source_making import MakeSource, version_of, write_text

pytestmark = pytest.mark.django_db


def names_in(version: DatasetVersion) -> list[str]:
    return [str(name) for name in lake.read_table(version)["name"].to_pylist()]


def test_a_file_becomes_a_version_that_says_where_it_is_from(
    incoming: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    write_text(incoming / "a.csv", "name,age\nAda,36\n")
    source = make_source("path", path=str(incoming / "a.csv"))
    run = read_source(source)
    version = version_of(run)
    assert (run.outcome, run.rows, version.row_count) == (RunOutcome.COLLECTED, 1, 1)
    assert version.job_id == run.job_id
    assert version.source["kind"] == "source"
    assert version.source["reader"] == "path"
    assert version.source["address"] == str(incoming / "a.csv")
    assert version.source["files"] == ["a.csv"]


def test_an_unchanged_file_makes_no_version(
    incoming: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    path = write_text(incoming / "a.csv", "name,age\nAda,36\n")
    source = make_source("path", path=str(path))
    first = read_source(source)
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    os.utime(path, (1, 1))  # written again with the same content: the rows decide
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    write_text(path, "name,age\nAlan,41\n")
    changed = read_source(source)
    assert version_of(changed).number > version_of(first).number
    assert DatasetVersion.objects.count() == 2


def test_files_of_a_pattern_are_one_stream_with_one_schema(
    incoming: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    write_text(incoming / "2.csv", "age,name\n41.5,Alan\n")
    write_text(incoming / "1.csv", "name,age\nAda,36\n")
    write_text(incoming / "3.csv", "name,age\n")
    write_text(incoming / "deep" / "4.csv", "name,age\nGrace,85\n")
    flat = make_source("path", path=f"{incoming}/*.csv", name="flat")
    deep = make_source("path", path=f"{incoming}/**/*.csv", name="deep")
    table = lake.read_table(version_of(read_source(flat)))
    assert table.to_pylist() == [{"name": "Ada", "age": 36.0}, {"name": "Alan", "age": 41.5}]
    assert names_in(version_of(read_source(deep))) == ["Ada", "Alan", "Grace"]


def test_a_file_without_values_in_a_column_makes_no_text_of_the_others(
    incoming: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    write_text(incoming / "a.csv", "id,paid,at,said\n1,,,\n2,NA,null,NA\n")
    write_text(incoming / "b.csv", "id,paid,at,said\n3,7,2026-01-02,yes\n")
    write_text(incoming / "c.csv", "id,paid,at,said\n4,7.5,2026-01-03,7\n")
    version = version_of(read_source(make_source("path", path=f"{incoming}/*.csv")))
    types = [(c.type.value, c.nullable) for c in Schema.from_dict(version.schema)]
    assert types == [
        ("integer", False),
        ("number", True),
        ("timestamp", True),
        ("string", True),
    ]
    table = lake.read_table(version)
    assert table["paid"].to_pylist() == [None, None, 7.0, 7.5]
    assert table["said"].to_pylist() == [None, "NA", "yes", "7"]


def test_files_that_differ_in_their_columns_are_refused_by_name(
    incoming: Path, make_source: MakeSource, failed_read: Callable[[Source], Job]
) -> None:
    write_text(incoming / "1.csv", "name,age\nAda,36\n")
    write_text(incoming / "2.csv", "name,height\nAda,1.7\n")
    source = make_source("path", path=f"{incoming}/*.csv")
    job = failed_read(source)
    assert job.error_code == "schema_mismatch"
    assert "'2.csv'" in job.error_message
    run = source.runs.get()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "schema_mismatch")
    assert DatasetVersion.objects.count() == 0


def test_appending_reads_each_file_once(
    incoming: Path, make_source: MakeSource, read_source: Callable[[Source], SourceRun]
) -> None:
    write_text(incoming / "1.csv", "name,age\nAda,36\n")
    source = make_source("path", path=f"{incoming}/*.csv", mode="append")
    read_source(source)
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW
    write_text(incoming / "2.csv", "name,age\nAlan,41\n")
    version = version_of(read_source(source))
    assert names_in(version) == ["Ada", "Alan"]
    assert version.source["files"] == ["2.csv"]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        (("1", "2", "3"), 3),
        (("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000001Z"), None),
        (("0.5", "1.5", "1.75"), 1.75),
        (("a", "b", "bb"), "bb"),
    ],
)
def test_only_rows_beyond_the_watermark_are_appended(
    values: tuple[str, str, str],
    kept: object,
    incoming: Path,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
) -> None:
    first, second, third = values
    path = write_text(incoming / "a.csv", f"name,at\nAda,{first}\nAlan,{second}\nNobody,\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    assert names_in(version_of(read_source(source))) == ["Ada", "Alan"]
    write_text(path, f"name,at\nAda,{first}\nAlan,{second}\nGrace,{third}\nNobody,\n")
    run = read_source(source)
    assert run.rows == 1
    assert names_in(version_of(run)) == ["Ada", "Alan", "Grace"]
    assert version_of(run).source["watermark"]["column"] == "at"
    if kept is not None:
        assert source.position["watermark"]["value"] == kept
    os.utime(path, (1, 1))
    assert read_source(source).outcome == RunOutcome.NOTHING_NEW


def test_a_worker_that_dies_before_the_conclusion_loses_and_doubles_nothing(
    incoming: Path,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_text(incoming / "a.csv", "name,at\nAda,1\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    read_source(source)
    write_text(path, "name,at\nAda,1\nAlan,2\n")
    job = services.run_source(principal=principal, source=source)

    def die(*args: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(collecting, "_conclude", die)
        assert run_job(job).status == JobStatus.FAILED
    source.refresh_from_db()
    assert source.position["watermark"]["value"] == 1
    write_text(path, "name,at\nAda,1\nAlan,2\nGrace,3\n")  # more has come before the second attempt
    job_services.retry(principal=principal, job=job)
    assert run_job(job).status == JobStatus.SUCCEEDED
    source.refresh_from_db()
    run = source.runs.get(job=job)
    rows = names_in(version_of(run))
    assert rows in (["Ada", "Alan"], ["Ada", "Alan", "Grace"])
    assert source.position["watermark"]["value"] == len(rows)
    os.utime(path, (1, 1))
    read_source(source)
    newest = DatasetVersion.objects.filter(status="ready").order_by("-number").first()
    assert newest is not None
    assert names_in(newest) == ["Ada", "Alan", "Grace"]


def test_the_watermark_is_read_from_what_was_written_not_from_what_was_fetched(
    incoming: Path,
    make_source: MakeSource,
    principal: Principal,
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_text(incoming / "a.csv", "name,at\nAda,1\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    job = services.run_source(principal=principal, source=source)
    monkeypatch.setattr(collecting, "_transaction_id", lambda context, *_: str(context.job_id))
    with monkeypatch.context() as patch:
        patch.setattr(collecting, "_conclude", lambda *_: 1 / 0)
        assert run_job(job).status == JobStatus.FAILED
    write_text(path, "name,at\nAda,1\nAlan,2\n")
    job_services.retry(principal=principal, job=job)
    assert run_job(job).status == JobStatus.SUCCEEDED
    source.refresh_from_db()
    assert names_in(version_of(source.runs.get())) == ["Ada"]
    assert source.position["watermark"]["value"] == 1


def test_of_two_runs_that_began_alike_one_counts(
    incoming: Path,
    make_source: MakeSource,
    principal: Principal,
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_text(incoming / "a.csv", "name,at\nAda,1\n")
    source = make_source("path", path=f"{incoming}/a.csv", mode="append", watermark_column="at")
    original = collecting._new_rows

    def slow(*args: Any) -> Any:
        Source.objects.update(position_number=7)
        return original(*args)

    monkeypatch.setattr(collecting, "_new_rows", slow)
    job = run_job(services.run_source(principal=principal, source=source))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "source_overtaken")
    assert DatasetVersion.objects.count() == 0


def test_rows_that_would_be_missing_below_an_increment_are_noticed(
    incoming: Path,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    failed_read: Callable[[Source], Job],
    principal: Principal,
) -> None:
    path = write_text(incoming / "a.csv", "name,at\nAda,1\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    read_source(source)
    write_text(path, "name,at\nAda,1\nAlan,2\n")
    second = version_of(read_source(source))
    services.archive_version(principal=principal, version=second)
    write_text(path, "name,at\nAda,1\nAlan,2\nGrace,3\n")
    assert failed_read(source).error_code == "watermark_lost"
    services.reset_source(principal=principal, source=source)
    assert names_in(version_of(read_source(source))) == ["Ada", "Ada", "Alan", "Grace"]


def test_one_run_at_a_time_and_one_job_for_a_key(
    incoming: Path, make_source: MakeSource, principal: Principal, run_job: Callable[[Job], Job]
) -> None:
    write_text(incoming / "a.csv", "name\nAda\n")
    source = make_source("path", path=f"{incoming}/a.csv")
    other = make_source("path", path=f"{incoming}/a.csv", name="other")
    job = services.run_source(principal=principal, source=source, idempotency_key="k")
    assert services.run_source(principal=principal, source=source, idempotency_key="k") == job
    with pytest.raises(SourceRunUnderWay):
        services.run_source(principal=principal, source=source)
    with pytest.raises(DomainError, match="different request"):
        services.run_source(principal=principal, source=other, idempotency_key="k")
    with pytest.raises(SourceRunUnderWay):
        services.delete_source(principal=principal, source=source)
    with pytest.raises(DatasetInUse):
        services.delete_dataset(principal=principal, dataset=source.dataset)
    job_services.cancel(principal=principal, job=job)
    run = source.runs.get()
    assert (run.outcome, run.error_code) == (RunOutcome.FAILED, "cancelled")
    job_services.retry(principal=principal, job=job)
    assert run_job(job).status == JobStatus.SUCCEEDED
    run.refresh_from_db()
    assert (run.outcome, run.error_message) == (RunOutcome.COLLECTED, "")


@pytest.mark.parametrize(("before", "after"), list(itertools.product(RunOutcome, RunOutcome)))
def test_outcomes_move_as_the_mapping_says(before: RunOutcome, after: RunOutcome) -> None:
    run = SourceRun(outcome=before)
    if after in NEXT_OUTCOMES[before]:
        run.check_move(after)
    else:
        with pytest.raises(IllegalRunMove):
            run.check_move(after)


def test_a_schedule_reads_while_the_source_is_enabled(
    incoming: Path, make_source: MakeSource, principal: Principal
) -> None:
    write_text(incoming / "a.csv", "name\nAda\n")
    source = make_source("path", path=f"{incoming}/a.csv", schedule=parse_crontab("0 3 * * *"))
    row = PeriodicTask.objects.get(dataset_source=source)
    assert (row.task, row.enabled) == ("datasets.tasks.collect_on_schedule", True)
    collect_on_schedule(source.pk)
    collect_on_schedule(source.pk)  # still under way: the second tick does nothing
    job = Job.objects.get()
    assert job.created_by is None
    job_services.cancel(principal=principal, job=job)
    services.set_source_enabled(principal=principal, source=source, enabled=False)
    row.refresh_from_db()
    assert not row.enabled
    collect_on_schedule(source.pk)
    assert Job.objects.count() == 1
    services.change_source(
        principal=principal, source=source, terms=terms_of(source), schedule=Interval(2, "hours")
    )
    row.refresh_from_db()
    assert (row.crontab, row.interval.every) == (None, 2)
    services.delete_source(principal=principal, source=source)
    assert not PeriodicTask.objects.filter(pk=row.pk).exists()
    collect_on_schedule(source.pk)
    assert Job.objects.count() == 1


def test_deleting_a_dataset_takes_its_sources_and_their_schedules(
    incoming: Path, make_source: MakeSource, principal: Principal, dataset: Dataset
) -> None:
    make_source("path", path=f"{incoming}/a.csv", schedule=Interval(2, "hours"))
    services.delete_dataset(principal=principal, dataset=dataset)
    assert not Source.objects.exists()
    assert not PeriodicTask.objects.filter(task__contains="collect").exists()


def test_a_look_shows_what_would_be_read_and_writes_nothing(
    incoming: Path, make_source: MakeSource, principal: Principal, settings: Settings
) -> None:
    write_text(incoming / "1.csv", "name,age\nAda,36\n")
    write_text(incoming / "2.csv", "name,age\nAlan,41\n")
    source = make_source("path", path=f"{incoming}/*.csv")
    look = services.check_source(principal=principal, source=source)
    assert [item["name"] for item in look.items] == ["1.csv", "2.csv"]
    assert look.columns == [
        {"name": "name", "type": "string"},
        {"name": "age", "type": "integer"},
    ]
    assert look.rows == [["Ada", 36]]
    assert not Job.objects.exists()
    assert not DatasetVersion.objects.exists()
    assert list(Path(settings.SCRATCH_ROOT).iterdir()) == []


def test_another_way_of_reading_begins_anew(
    incoming: Path,
    make_source: MakeSource,
    read_source: Callable[[Source], SourceRun],
    principal: Principal,
) -> None:
    path = write_text(incoming / "a.csv", "name,at\nAda,1\n")
    source = make_source("path", path=str(path), mode="append", watermark_column="at")
    read_source(source)
    changed = services.change_source(
        principal=principal,
        source=source,
        terms=SourceTerms(name="path", mode="replace", settings={"path": str(path)}),
    )
    assert changed.position == {}
    event = AuditEvent.objects.get(action="source.changed")
    assert event.changes["mode"] == ["append", "replace"]
