"""A subject in what is kept beside the rows, and in files that retention or compaction left for a while."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import AuditEvent
from accounts.principals import Principal
from core.clock import now
from datasets import lake
from datasets.erasure import Subject
from datasets.errors import NothingToWaive
from datasets.execution import upkeep
from datasets.execution.erasure.documents import erase_from_documents
from datasets.execution.erasure.mentions import erase_from_trail
from datasets.formats import ReadOptions
from datasets.models import (
    CheckResult,
    DataCheck,
    Dataset,
    DatasetSchema,
    DatasetVersion,
    ErasureRequest,
    Recipe,
    RecipeRevision,
    Source,
    SourceRun,
    VersionBlock,
    VersionComparison,
    VersionProfile,
)
from datasets.services import (
    compact_dataset,
    compare_versions,
    create_check,
    create_dataset,
    run_retention,
    set_retention_policy,
    upload_version,
    waive_checks,
)
from jobs.models import Job
from tests.erasure.conftest import SUBJECT, dataset_of
from tests.erasure.spelled import files_that_spell
from tests.erasure.test_erasure import by_kind, erased

RunJob = Callable[[Job], Job]
HEADER = "patient,age,dose,ill\n"


def test_the_key_goes_from_checks_blocks_quarantine_and_texts(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    lake_home: Path,
) -> None:
    dataset = dataset_of(hospital)
    check = create_check(
        principal=principal,
        dataset=dataset,
        kind="uniqueness",
        columns=["patient"],
        severity="error",
    )
    # a file that a check holds back: its rows are in the lake, its samples in the database
    held = run_job(_send(principal, dataset, HEADER + f"{SUBJECT},1,1.5,no\n" * 2))
    assert held.error_code == "checks_failed"
    assert SUBJECT in str(CheckResult.objects.values_list("samples", flat=True))
    block = VersionBlock.objects.get()
    assert SUBJECT in str(block.written)
    # rows that could not be read
    check.is_enabled = False
    check.description = f"asked for by {SUBJECT}"
    check.save()
    aside = f"{HEADER}patient-0001,33,1.5,yes\n{SUBJECT},1\npatient-0002,2\npatient-3,4,1.0,no\n"
    options = ReadOptions(on_bad_rows="quarantine", most_bad_share=0.9)
    done = run_job(_send(principal, dataset, aside, options=options))
    assert done.status == "succeeded", done.error_message
    # what was compared and measured of versions that hold the subject
    comparison = compare_versions(principal=principal, base=hospital[0], other=hospital[1])
    assert comparison.job is not None
    run_job(comparison.job)
    VersionProfile.objects.create(
        version=hospital[0], document={"top": SUBJECT}, asked_at=now(), computed_at=now()
    )
    # how far a source was read, and what persons have written down
    source = Source.objects.create(
        dataset=dataset,
        name="ward",
        kind="sql",
        mode="append",
        watermark_column="patient",
        position={"watermark": {"value": SUBJECT, "type": "string"}},
    )
    run = SourceRun.objects.create(source=source, watermark={"value": SUBJECT})
    columns = [{"name": "patient", "type": "string", "categories": ["patient-1", SUBJECT]}]
    schema = DatasetSchema.objects.create(dataset=dataset, revision=1, columns=columns)
    recipe = Recipe.objects.create(project=dataset.project, name="r")
    RecipeRevision.objects.create(
        recipe=recipe, number=1, steps=[{"kind": "fill", "value": SUBJECT}], sha256="0" * 64
    )

    request, job = erased(principal, second, run_job)
    assert job.status == "succeeded", job.error_message
    found = by_kind(request.before)
    assert {"check_result", "dataset_text", "quarantined_row", "stray_rows"} <= set(found)
    # noted: what cannot be changed without breaking something is told of before and after
    assert set(by_kind(request.after)) == {"source_position", "recipe"}
    assert files_that_spell(SUBJECT, lake_home) == []

    kept = list(CheckResult.objects.values("samples", "observed", "message", "verdict"))
    assert SUBJECT not in str(kept)
    assert {one["verdict"] for one in kept} == {"failed"}
    assert not VersionBlock.objects.exists()
    with pytest.raises(NothingToWaive):
        waive_checks(
            principal=principal, version=DatasetVersion.objects.get(number=4), reason="let it"
        )
    put_aside = DatasetVersion.objects.get(pk=done.result["dataset_version"])
    rows = lake.quarantined(put_aside, offset=0, limit=9).to_pylist()
    assert [(one["row"], one["raw"]) for one in rows] == [(3, "[erased]"), (4, "patient-0002,2")]
    assert not VersionComparison.objects.exists()
    assert not VersionProfile.objects.exists()
    for row in (check, run, schema):
        row.refresh_from_db()
    assert check.description == "asked for by [erased]"
    assert run.watermark == {}
    assert schema.columns[0]["categories"] == ["patient-1", "[erased]"]


def test_a_number_that_is_the_key_goes_from_what_is_said_of_its_column(
    principal: Principal,
) -> None:
    assert principal.user_id is not None
    dataset = create_dataset(principal=principal, name="orders")
    request = ErasureRequest.objects.create(
        project_id=principal.project_id,
        requested_by_id=principal.user_id,
        subject_hash="0" * 64,
    )
    subject = Subject(principal.project_id, ("id",), "918273", request.reference)

    def made(column: str, **parameters: Any) -> DataCheck:
        return create_check(
            principal=principal,
            dataset=dataset,
            kind="set" if "values" in parameters else "range",
            columns=[column],
            parameters=parameters,
        )

    checks = [made("id", values=[5, 918273]), made("id", maximum=918273), made("n", maximum=918273)]
    columns = [
        {"name": "id", "type": "integer", "maximum": 918273, "categories": [5, 918273]},
        {"name": "n", "type": "integer", "maximum": 918273},
    ]
    schema = DatasetSchema.objects.create(dataset=dataset, revision=1, columns=columns)
    erase_from_documents(dataset, subject)
    erase_from_trail(subject)
    for row in (*checks, schema):
        row.refresh_from_db()
    assert checks[0].parameters["values"] == [5, "[erased]"]
    assert checks[1].parameters["maximum"] == "[erased]"
    assert checks[2].parameters["maximum"] == 918273
    assert schema.columns == [
        {"name": "id", "type": "integer", "maximum": None, "categories": [5]},
        columns[1],
    ]
    told = AuditEvent.objects.filter(action="data_check.created").order_by("pk")
    assert "918273" not in str(told[0].changes)


def test_files_that_retention_left_for_their_grace_are_erased(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    lake_home: Path,
    settings: Settings,
) -> None:
    settings.LAKE_GRACE_HOURS = 24 * 7
    dataset = dataset_of(hospital)
    set_retention_policy(
        principal=principal, dataset=dataset, keep_last=1, keep_days=None, grace_days=0
    )
    for _ in range(2):
        run_job(run_retention(principal=principal, dataset=dataset))
    statuses = DatasetVersion.objects.order_by("number").values_list("status", flat=True)
    assert list(statuses) == ["purged", "purged", "ready"]
    assert files_that_spell(SUBJECT, lake_home / "lake")
    request, job = erased(principal, second, run_job)
    assert job.status == "succeeded", job.error_message
    [stray] = by_kind(request.before)["stray_rows"]
    assert stray["rows"] == 10  # 6 and 4: the appended version shares the first one's file
    assert files_that_spell(SUBJECT, lake_home) == []
    last = DatasetVersion.objects.get(pk=hospital[2].pk)
    assert lake.read_table(last)["patient"].to_pylist() == ["patient-0001", "patient-0002"]
    assert last.sha256 == hospital[2].sha256


def test_files_that_compaction_left_for_their_grace_are_erased(
    principal: Principal,
    second: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    lake_home: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.LAKE_GRACE_HOURS = 24 * 7
    dataset = dataset_of(hospital)
    rows = f"{SUBJECT},1,1.5,no\npatient-0007,2,2.5,yes\n"
    newest = run_job(_send(principal, dataset, HEADER + rows, mode="append"))
    monkeypatch.setattr("datasets.lake.upkeep.FEWEST_SMALL_FILES", 2)
    compacted = run_job(compact_dataset(principal=principal, dataset=dataset))
    assert compacted.result["is_compacted"] is True
    _, job = erased(principal, second, run_job)
    assert job.status == "succeeded", job.error_message
    assert files_that_spell(SUBJECT, lake_home) == []
    version = DatasetVersion.objects.get(pk=newest.result["dataset_version"])
    left = lake.read_table(version)["patient"].to_pylist()
    assert left == ["patient-0001", "patient-0002", "patient-0007"]
    # the next version is appended to the table that was written anew
    after = run_job(_send(principal, dataset, f"{HEADER}patient-0009,1,1.0,no\n", mode="append"))
    assert after.status == "succeeded", after.error_message
    version = DatasetVersion.objects.get(pk=after.result["dataset_version"])
    assert lake.read_table(version)["patient"].to_pylist() == [*left, "patient-0009"]


def test_a_compaction_beside_an_erasure_pins_nothing_of_the_former_table(
    principal: Principal,
    hospital: list[DatasetVersion],
    run_job: RunJob,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = dataset_of(hospital)
    newest = run_job(
        _send(principal, dataset, f"{HEADER}patient-0007,2,2.5,yes\n", mode="append")
    ).result["dataset_version"]
    before = DatasetVersion.objects.get(pk=newest)
    monkeypatch.setattr("datasets.lake.upkeep.FEWEST_SMALL_FILES", 2)
    real = upkeep._digest
    digests: list[str] = []

    def meanwhile(*args: Any) -> str:
        Dataset.objects.filter(pk=dataset.pk).update(lake_generation=1)
        digests.append(real(*args))
        return digests[0]

    monkeypatch.setattr(upkeep, "_digest", meanwhile)
    job = run_job(compact_dataset(principal=principal, dataset=dataset))
    assert digests == [before.sha256]
    assert job.result["is_compacted"] is False
    assert DatasetVersion.objects.get(pk=newest).delta_version == before.delta_version


def _send(principal: Principal, dataset: Dataset, content: str, **more: Any) -> Job:
    return upload_version(
        principal=principal,
        dataset=dataset,
        file=io.BytesIO(content.encode()),
        filename="more.csv",
        **more,
    )
