"""Checks of a dataset: they hold a version back or warn, can be waived, suggested and carried out again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.errors import PermissionMissing
from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid
from datasets import lake, services
from datasets.errors import CheckRefused, IllegalVersionMove, NothingToWaive, VersionNotReady
from datasets.models import DataCheck, Dataset, DatasetVersion, VersionStatus
from datasets.selectors import version_at
from datasets.selectors.checks import check_state
from jobs.models import Job, JobStatus

Api = Callable[..., APIClient]
Ingested = Callable[..., DatasetVersion]
Upload = Callable[..., Job]
Run = Callable[[Job], Job]

GOOD = b"id,age,town\n1,30,Rome\n2,41,Oslo\n3,22,Rome\n"
BAD = b"id,age,town\n1,30,Rome\n2,410,Oslo\n3,22,Bonn\n"


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


def newest(dataset: Dataset) -> DatasetVersion:
    found = dataset.versions.order_by("-number").first()
    assert found is not None
    return found


def test_a_check_that_fails_blocks_the_version_and_its_result_is_kept(
    strict: DataCheck, dataset: Dataset, upload: Upload, run_job: Run
) -> None:
    job = run_job(upload(BAD))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "checks_failed")
    assert "'age': 1 value(s)" in job.error_message
    version = newest(dataset)
    assert (version.status, version.delta_version) == (VersionStatus.FAILED, None)
    result = version.check_results.get()
    assert (result.verdict, result.failed_count, result.checked_count) == ("failed", 1, 3)
    assert result.samples == [{"row": 2, "values": {"age": 410}}]
    assert result.observed["ends"] == {"age": [22, 410]}
    assert version.block.waived_at is None


def test_a_version_that_passes_is_ready_with_its_results(
    strict: DataCheck, ingested: Ingested
) -> None:
    version = ingested(GOOD)
    assert version.check_results.get().verdict == "passed"
    assert check_state(version).word == "passed"


def test_a_warning_is_recorded_on_the_ready_version(
    principal: Principal, dataset: Dataset, ingested: Ingested
) -> None:
    for kind, columns, parameters in (
        ("set", ["town"], {"values": ["Rome"]}),
        ("new_categories", ["town"], {}),
    ):
        services.create_check(
            principal=principal,
            dataset=dataset,
            kind=kind,
            columns=columns,
            parameters=parameters,
        )
    version = ingested(GOOD)
    assert version.status == VersionStatus.READY
    assert [one.verdict for one in version.check_results.order_by("id")] == [
        "failed",
        "not_enough_data",
    ]
    assert check_state(version).word == "warning"
    later = ingested(BAD)
    new = later.check_results.get(kind="new_categories")
    assert (new.verdict, new.observed["against"]) == ("failed", "people v1")


def test_a_check_that_cannot_be_carried_out_is_not_passed(
    principal: Principal, dataset: Dataset, upload: Upload, run_job: Run
) -> None:
    services.create_check(
        principal=principal, dataset=dataset, kind="uniqueness", columns=["gone"], severity="error"
    )
    assert run_job(upload(GOOD)).error_code == "checks_failed"
    assert newest(dataset).check_results.get().verdict == "error"


def test_a_check_that_is_switched_off_asks_nothing(
    strict: DataCheck, principal: Principal, ingested: Ingested
) -> None:
    services.change_check(principal=principal, check=strict, is_enabled=False)
    assert ingested(BAD).check_results.count() == 0


def test_a_blocked_version_is_tried_again_after_the_check_was_mended(
    strict: DataCheck, principal: Principal, dataset: Dataset, upload: Upload, run_job: Run
) -> None:
    from jobs import services as job_services

    job = run_job(upload(BAD))
    services.change_check(principal=principal, check=strict, parameters={"maximum": 500})
    job = run_job(job_services.retry(principal=principal, job=job))
    assert job.status == JobStatus.SUCCEEDED
    version = newest(dataset)
    assert version.status == VersionStatus.READY
    assert [one.verdict for one in version.check_results.filter(is_current=True)] == ["passed"]
    assert version.check_results.filter(is_current=False).get().verdict == "failed"
    with pytest.raises(NothingToWaive):
        services.waive_checks(principal=principal, version=version, reason="why not")


def test_a_version_of_the_past_is_one_that_was_ready_then(
    strict: DataCheck,
    principal: Principal,
    dataset: Dataset,
    upload: Upload,
    run_job: Run,
    ingested: Ingested,
) -> None:
    first = ingested(GOOD)
    run_job(upload(BAD))
    held_back = now()
    second = services.waive_checks(principal=principal, version=newest(dataset), reason="so be it")
    let_through = now()
    services.archive_version(principal=principal, version=second)
    archived = now()
    assert [version_at(dataset, at) for at in (held_back, let_through, archived)] == [
        first,
        second,
        first,
    ]
    services.restore_version(principal=principal, version=second)
    assert version_at(dataset, now()) == second


def test_an_administrator_lets_a_blocked_version_through_with_a_reason(
    strict: DataCheck,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
    dataset: Dataset,
    upload: Upload,
    run_job: Run,
    ingested: Ingested,
) -> None:
    ingested(GOOD)
    run_job(upload(BAD))
    version = newest(dataset)
    with pytest.raises(PermissionMissing):
        services.waive_checks(
            principal=principal_as(Role.DEPLOYER), version=version, reason="hurry"
        )
    with pytest.raises(Invalid):
        services.waive_checks(principal=principal, version=version, reason="  ")
    ready = services.waive_checks(principal=principal, version=version, reason="a test patient")
    assert ready.status == VersionStatus.READY
    assert lake.read_table(ready).column("age").to_pylist() == [30, 410, 22]
    assert (ready.row_count, len(ready.sha256)) == (3, 64)
    event = AuditEvent.objects.get(action="dataset_version.checks_waived")
    assert event.changes["reason"] == "a test patient"
    version.block.refresh_from_db()
    assert version.block.waived_by_id == principal.user_id
    with pytest.raises(NothingToWaive):
        services.waive_checks(principal=principal, version=ready, reason="again")


def test_archiving_is_no_way_around_a_check(
    strict: DataCheck, principal: Principal, dataset: Dataset, upload: Upload, run_job: Run
) -> None:
    run_job(upload(BAD))
    version = services.archive_version(principal=principal, version=newest(dataset))
    with pytest.raises(IllegalVersionMove):
        services.restore_version(principal=principal, version=version)
    with pytest.raises(NothingToWaive):
        services.waive_checks(principal=principal, version=version, reason="please")


def test_rows_are_appended_to_the_version_before_a_blocked_one(
    strict: DataCheck, dataset: Dataset, upload: Upload, run_job: Run, ingested: Ingested
) -> None:
    ingested(GOOD)
    assert run_job(upload(BAD, mode="append")).error_code == "checks_failed"
    assert ingested(GOOD.replace(b"30", b"31"), mode="append").row_count == 6


def test_checks_are_carried_out_again_on_any_version_with_rows(
    principal: Principal, dataset: Dataset, ingested: Ingested, upload: Upload, run_job: Run
) -> None:
    version = ingested(BAD)
    with pytest.raises(Invalid):
        services.request_checks(principal=principal, version=version)
    check = services.create_check(
        principal=principal,
        dataset=dataset,
        kind="range",
        columns=["age"],
        parameters={"maximum": 120},
        severity="error",
    )
    job = run_job(services.request_checks(principal=principal, version=version))
    assert job.result == {"dataset_version": version.pk, "checks": 1, "failed": 1, "warned": 0}
    assert version.check_results.get().job_id == job.pk
    run_job(upload(BAD.replace(b"30", b"31")))
    blocked = newest(dataset)
    services.change_check(principal=principal, check=check, parameters={"maximum": 999})
    again = run_job(services.request_checks(principal=principal, version=blocked))
    assert again.result["failed"] == 0
    failed = run_job(upload(b"a,b\n1\n"))
    assert failed.status == JobStatus.FAILED
    with pytest.raises(VersionNotReady):
        services.request_checks(principal=principal, version=newest(dataset))


def test_a_foreign_key_is_looked_up_in_the_same_project_only(
    principal: Principal, dataset: Dataset, ingested: Ingested, other_project: Project
) -> None:
    Dataset.objects.create(project=other_project, name="towns")
    services.create_check(
        principal=principal,
        dataset=dataset,
        kind="foreign_key",
        columns=["town"],
        parameters={"dataset": "towns", "column": "name"},
    )
    assert ingested(GOOD).check_results.get().verdict == "not_enough_data"


def test_suggestions_hold_for_the_version_that_suggested_them(
    principal: Principal, dataset: Dataset, ingested: Ingested, run_job: Run
) -> None:
    rows = "".join(
        f"k{i},{i % 50},{i / 3},{'ABC'[i % 3]},n{i % 30},{'' if i % 10 else 'x'}\n"
        for i in range(200)
    )
    version = ingested(("item_id,age,size,grade,town,note\n" + rows).encode())
    _, found = services.suggestions_for(dataset)
    assert {one.spec.kind for one in found} == {
        "duplicates",
        "row_count",
        "completeness",
        "uniqueness",
        "range",
        "set",
        "new_categories",
        "drift",
    }
    made = services.accept_suggestions(
        principal=principal, dataset=dataset, keys=[one.key for one in found]
    )
    assert len(made) == len(found)
    assert services.suggestions_for(dataset)[1] == []
    run_job(services.request_checks(principal=principal, version=version))
    verdicts = set(version.check_results.values_list("verdict", flat=True))
    assert verdicts <= {"passed", "not_enough_data"}
    with pytest.raises(Invalid):
        services.accept_suggestions(principal=principal, dataset=dataset, keys=["nonsense"])


def test_checks_over_rest(
    api: Api, dataset: Dataset, upload: Upload, run_job: Run, ingested: Ingested
) -> None:
    ingested(GOOD)
    client = api()
    wanted: dict[str, Any] = {
        "dataset": dataset.pk,
        "kind": "range",
        "columns": ["age"],
        "parameters": {"maximum": 120},
        "severity": "error",
    }
    made = client.post("/api/v1/data-checks/", wanted)
    assert made.status_code == 201
    address = f"/api/v1/data-checks/{made.json()['id']}/"
    wrong = client.post("/api/v1/data-checks/", {**wanted, "columns": ["town"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "columns")
    wrong = client.patch(address, {"parameters": {"maximum": "high"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "parameters.maximum")
    assert client.patch(address, {"description": "no ghosts"}).json()["description"] == "no ghosts"
    run_job(upload(BAD))
    version = newest(dataset)
    results = client.get(f"/api/v1/dataset-versions/{version.pk}/check-results/").json()
    assert [one["verdict"] for one in results["results"]] == ["failed"]
    assert results["results"][0]["samples"][0]["row"] == 2
    answer = client.post(f"/api/v1/dataset-versions/{version.pk}/check/")
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith("/api/v1/jobs/")
    waived = client.post(f"/api/v1/dataset-versions/{version.pk}/waive/", {"reason": "known"})
    assert (waived.status_code, waived.json()["status"]) == (200, "ready")
    again = client.post(f"/api/v1/dataset-versions/{version.pk}/waive/", {"reason": "known"})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_waive")
    suggested = client.get(f"/api/v1/datasets/{dataset.pk}/check-suggestions/").json()
    keys = [one["key"] for one in suggested["suggestions"]]
    taken = client.post(f"/api/v1/datasets/{dataset.pk}/check-suggestions/", {"keys": keys[:2]})
    assert (taken.status_code, len(taken.json())) == (201, 2)
    listed = client.get(f"/api/v1/data-checks/?dataset={dataset.pk}&severity=error").json()
    assert listed["count"] == 1
    kinds = client.get("/api/v1/data-check-kinds/").json()
    assert len(kinds) == 12
    assert client.delete(address).status_code == 204
    assert version.check_results.filter(data_check=None).exists()


def test_checks_of_another_project_do_not_exist(
    api: Api, strict: DataCheck, dataset: Dataset, ingested: Ingested, other_project: Project
) -> None:
    version = ingested(GOOD)
    stranger = api(Role.ADMIN, in_project=other_project)
    for method, path in (
        ("get", f"/api/v1/data-checks/{strict.pk}/"),
        ("patch", f"/api/v1/data-checks/{strict.pk}/"),
        ("delete", f"/api/v1/data-checks/{strict.pk}/"),
        ("get", f"/api/v1/datasets/{dataset.pk}/check-suggestions/"),
        ("post", f"/api/v1/datasets/{dataset.pk}/check-suggestions/"),
        ("get", f"/api/v1/dataset-versions/{version.pk}/check-results/"),
        ("post", f"/api/v1/dataset-versions/{version.pk}/check/"),
        ("post", f"/api/v1/dataset-versions/{version.pk}/waive/"),
    ):
        assert getattr(stranger, method)(path).status_code == 404, (method, path)
    wanted = {"dataset": dataset.pk, "kind": "duplicates"}
    assert stranger.post("/api/v1/data-checks/", wanted).status_code == 404
    assert stranger.get("/api/v1/data-checks/").json()["count"] == 0
    viewer = api(Role.VIEWER)
    assert viewer.post("/api/v1/data-checks/", wanted).status_code == 403
    assert viewer.post(f"/api/v1/dataset-versions/{version.pk}/check/").status_code == 403


@pytest.mark.parametrize("count", [1, 6])
def test_lists_take_a_fixed_number_of_queries(
    api: Api,
    principal: Principal,
    dataset: Dataset,
    ingested: Ingested,
    count: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(count):
        services.create_check(principal=principal, dataset=dataset, kind="duplicates")
    version = ingested(GOOD)
    client = api()
    with django_assert_max_num_queries(6):
        assert client.get("/api/v1/data-checks/").json()["count"] == count
    with django_assert_max_num_queries(7):
        found = client.get(f"/api/v1/dataset-versions/{version.pk}/check-results/").json()
    assert found["count"] == count


def test_a_check_is_held_to_the_columns_of_the_newest_version(
    principal: Principal, dataset: Dataset, ingested: Ingested
) -> None:
    ingested(GOOD)
    with pytest.raises(CheckRefused):
        services.create_check(
            principal=principal, dataset=dataset, kind="freshness", columns=["age"]
        )


@pytest.mark.shared
def test_the_stray_row_of_the_bank_data_is_found(
    principal: Principal, dataset: Dataset, ingested: Ingested, shared_path: Path
) -> None:
    services.create_check(principal=principal, dataset=dataset, kind="duplicates")
    version = ingested((shared_path / "data" / "bank_full.csv").read_bytes(), "bank_full.csv")
    found = version.check_results.get()
    assert (found.verdict, found.failed_count) == ("failed", 1)
    assert len(found.samples) == 1
    stray = found.samples[0]
    assert {stray["row"], stray["repeats_row"]} >= {2}
    assert (stray["values"]["age"], stray["values"]["month"]) == (33, "nov")
