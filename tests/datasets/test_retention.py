"""Which versions stay, which are archived, which lose their rows; and files put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid
from datasets import lake, services
from datasets.digest import digest_batches
from datasets.errors import IllegalVersionMove, NoRetentionPolicy, VersionNotReady
from datasets.execution.asking.upkeep import keep_house
from datasets.lake.upkeep import pinned_files
from datasets.models import (
    Dataset,
    DatasetVersion,
    RetentionPolicy,
    VersionStatus,
)
from datasets.retention import Candidate, Fate, Terms, plan
from datasets.schema import Schema
from experiments import services as experiment_services
from jobs import services as job_services
from jobs.models import Job, JobStatus

MOMENT = datetime(2026, 6, 30, tzinfo=UTC)
Run = Callable[[Job], Job]
Ingest = Callable[..., DatasetVersion]


def csv(first: int, rows: int = 20) -> bytes:
    return b"n,word\n" + b"".join(b"%d,w%d\n" % (i, i % 3) for i in range(first, first + rows))


@pytest.fixture
def without_grace(settings: Settings) -> None:
    settings.LAKE_GRACE_HOURS = 0


def recomputed(version: DatasetVersion) -> str:
    return digest_batches(Schema.from_dict(version.schema), lake.iter_batches(version))


def candidate(number: int, **options: object) -> Candidate:
    made = MOMENT - timedelta(days=100 - number)
    return Candidate(number, number, made, options.pop("archived_at", None), **options)  # type: ignore[arg-type]


def fates(candidates: list[Candidate], terms: Terms) -> dict[int, Fate]:
    return {one.number: one.fate for one in plan(candidates, terms, moment=MOMENT)}


def test_the_newest_few_and_the_young_stay() -> None:
    versions = [candidate(number) for number in range(1, 6)]
    assert fates(versions, Terms(2, None, 7)) == {
        5: Fate.KEEP,
        4: Fate.KEEP,
        **dict.fromkeys([3, 2, 1], Fate.ARCHIVE),
    }
    assert fates(versions, Terms(None, 98, 7)) == {
        **dict.fromkeys([5, 4, 3], Fate.KEEP),
        **dict.fromkeys([2, 1], Fate.ARCHIVE),
    }


def test_the_newest_ready_version_stays_though_newer_ones_are_archived() -> None:
    versions = [candidate(1), candidate(2), candidate(3, archived_at=MOMENT - timedelta(days=50))]
    assert fates(versions, Terms(None, 1, 7)) == {3: Fate.REMOVE, 2: Fate.KEEP, 1: Fate.ARCHIVE}


def test_rows_go_only_after_the_days_of_grace() -> None:
    young = candidate(1, archived_at=MOMENT - timedelta(days=6))
    old = candidate(2, archived_at=MOMENT - timedelta(days=7))
    assert fates([young, old, candidate(3)], Terms(1, None, 7)) == {
        3: Fate.KEEP,
        2: Fate.REMOVE,
        1: Fate.WAIT,
    }


def test_what_is_held_or_used_stays_and_says_why() -> None:
    versions = [
        candidate(1, hold_reason="audit", archived_at=MOMENT - timedelta(days=50)),
        candidate(2, uses=("2 runs",), archived_at=MOMENT - timedelta(days=50)),
        candidate(3),
    ]
    planned = {one.number: one for one in plan(versions, Terms(1, None, 0), moment=MOMENT)}
    assert planned[1].reasons == ("held: audit",)
    assert planned[2].reasons == ("used by 2 runs",)
    assert {one.fate for one in planned.values()} == {Fate.KEEP}


def test_a_version_whose_files_others_need_stays_and_freed_bytes_are_counted_once() -> None:
    archived = MOMENT - timedelta(days=50)
    shared = candidate(1, files={"a": 5}, archived_at=archived)
    alone = candidate(2, files={"b": 7, "a": 5}, archived_at=archived)
    again = candidate(3, files={"b": 7}, archived_at=archived)
    newest = candidate(4, files={"a": 5, "c": 9})
    planned = {
        one.number: one
        for one in plan([shared, alone, again, newest], Terms(1, None, 0), moment=MOMENT)
    }
    assert (planned[1].fate, planned[1].reasons) == (
        Fate.KEEP,
        ("shares all its files with versions that stay (v4)",),
    )
    assert (planned[3].fate, planned[3].frees_bytes) == (Fate.REMOVE, 7)
    assert (planned[2].fate, planned[2].frees_bytes) == (Fate.REMOVE, 0)


@pytest.mark.usefixtures("without_grace")
def test_a_run_archives_then_purges_and_everything_else_stays_readable(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    first, second, third, fourth = (ingested(csv(100 * i)) for i in range(4))
    made = experiment_services.get_or_create_experiment(principal=principal, name="e")
    experiment_services.create_run(
        principal=principal, experiment=made, name="run", dataset_version=second
    )
    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=1, keep_days=None, grace_days=0
    )
    services.hold_version(principal=principal, version=third, reason="for the audit")
    one = run_job(services.run_retention(principal=principal, dataset=dataset))
    assert (one.status, one.result["archived"], one.result["purged"]) == ("succeeded", [1], [])
    assert recomputed(DatasetVersion.objects.get(pk=first.pk)) == first.sha256
    files = pinned_files(lake.dataset_path(dataset), first.delta_version or 0)

    two = run_job(services.run_retention(principal=principal, dataset=dataset))
    assert (two.result["purged"], two.result["files_deleted"]) == ([1], len(files))
    first.refresh_from_db()
    assert first.status == VersionStatus.PURGED
    assert first.purged_at is not None
    for kept in (second, third, fourth):
        kept.refresh_from_db()
        assert kept.status == VersionStatus.READY
        assert recomputed(kept) == kept.sha256
    with pytest.raises(VersionNotReady):
        lake.read_table(first)
    with pytest.raises(IllegalVersionMove):
        services.restore_version(principal=principal, version=first)
    actions = AuditEvent.objects.filter(target_id=str(first.pk)).values_list("action", flat=True)
    assert {"dataset_version.archived", "dataset_version.purged"} <= set(actions)

    three = run_job(services.run_retention(principal=principal, dataset=dataset))
    assert (three.result["archived"], three.result["purged"]) == ([], [])
    assert RetentionPolicy.objects.get().last_run_at is not None


@pytest.mark.usefixtures("without_grace")
def test_an_append_keeps_what_it_continues(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    parent = ingested(csv(0))
    child = ingested(csv(100), mode="append")
    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=1, keep_days=None, grace_days=0
    )
    (newest, older) = services.preview_retention(principal=principal, dataset=dataset)
    assert (newest.number, older.fate) == (2, Fate.KEEP)
    assert "shares all its files" in older.reasons[0]
    run_job(services.run_retention(principal=principal, dataset=dataset))
    for kept in (parent, child):
        kept.refresh_from_db()
        assert recomputed(kept) == kept.sha256


def test_files_stay_for_the_hours_of_grace(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    first, _ = ingested(csv(0)), ingested(csv(100))
    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=1, keep_days=None, grace_days=0
    )
    run_job(services.run_retention(principal=principal, dataset=dataset))
    job = run_job(services.run_retention(principal=principal, dataset=dataset))
    assert (job.result["purged"], job.result["files_deleted"]) == ([1], 0)
    first.refresh_from_db()
    assert first.status == VersionStatus.PURGED


def test_a_version_that_a_waiting_job_names_stays(
    principal: Principal, dataset: Dataset, ingested: Ingest
) -> None:
    first, _ = ingested(csv(0)), ingested(csv(100))
    services.archive_version(principal=principal, version=first)
    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=1, keep_days=None, grace_days=0
    )
    fate = services.preview_retention(principal=principal, dataset=dataset)[1].fate
    assert fate is Fate.REMOVE
    job_services.enqueue(
        principal=principal, kind="profile", arguments={"dataset_version": first.pk, "target": ""}
    )
    planned = services.preview_retention(principal=principal, dataset=dataset)[1]
    assert (planned.fate, planned.reasons) == (Fate.KEEP, ("used by 1 unfinished job",))


def test_a_purged_version_still_answers_for_its_lineage(
    api: Callable[..., APIClient], principal: Principal, ingested: Ingest
) -> None:
    version = ingested(csv(0))
    DatasetVersion.objects.filter(pk=version.pk).update(
        status=VersionStatus.PURGED, purged_at=now()
    )
    client = api(Role.VIEWER)
    found = client.get(f"/api/v1/dataset-versions/{version.pk}/").json()
    assert (found["status"], found["sha256"], found["row_count"]) == ("purged", version.sha256, 20)
    assert found["schema"]["columns"]
    rows = client.get(f"/api/v1/dataset-versions/{version.pk}/rows/")
    assert (rows.status_code, rows.json()["code"]) == (409, "dataset_version_not_ready")


@pytest.mark.usefixtures("without_grace")
def test_compaction_leaves_every_version_with_its_rows(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    versions = [ingested(csv(0))]
    versions += [ingested(csv(20 * i), mode="append") for i in range(1, 10)]
    path = lake.dataset_path(dataset)
    newest = versions[-1]
    assert len(pinned_files(path, newest.delta_version or 0)) == 10
    job = run_job(services.compact_dataset(principal=principal, dataset=dataset))
    assert job.status == JobStatus.SUCCEEDED, job.error_message
    assert (job.result["files_before"], job.result["files_after"]) == (10, 1)
    before = newest.delta_version
    newest.refresh_from_db()
    assert newest.delta_version != before
    assert len(pinned_files(path, newest.delta_version or 0)) == 1
    for version in versions:
        version.refresh_from_db()
        assert recomputed(version) == version.sha256
    assert lake.read_table(newest)["n"].to_pylist() == list(range(200))

    again = run_job(services.compact_dataset(principal=principal, dataset=dataset))
    assert again.result["is_compacted"] is False
    after = ingested(csv(200), mode="append")
    assert lake.read_table(after)["n"].to_pylist() == list(range(220))

    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=2, keep_days=None, grace_days=0
    )
    run_job(services.run_retention(principal=principal, dataset=dataset))
    job = run_job(services.run_retention(principal=principal, dataset=dataset))
    assert job.result["purged"] == list(range(1, 10))
    assert job.result["files_deleted"] == 10
    for kept in (newest, after):
        assert recomputed(kept) == kept.sha256


def test_few_files_are_left_as_they_are(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    version = ingested(csv(0))
    job = run_job(services.compact_dataset(principal=principal, dataset=dataset))
    assert job.result == {"dataset": dataset.pk, "is_compacted": False}
    before = version.delta_version
    version.refresh_from_db()
    assert version.delta_version == before


def test_compaction_waits_while_somebody_writes(
    principal: Principal, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    version = ingested(csv(0))
    for i in range(1, 9):
        version = ingested(csv(20 * i), mode="append")
    schema = Schema.from_dict(version.schema)
    lake.write_version_rows(
        lake.dataset_path(dataset),
        schema,
        lambda: lake.read_table(version).to_batches(),
        transaction_id="not recorded yet",
        append_to=version.delta_version,
    )
    job = run_job(services.compact_dataset(principal=principal, dataset=dataset))
    assert job.result["is_compacted"] is False
    assert recomputed(version) == version.sha256


def test_the_house_is_kept_once_a_day(
    principal: Principal, dataset: Dataset, ingested: Ingest, settings: Settings
) -> None:
    settings.COMPACT_AFTER_APPENDS = 2
    for i in range(3):
        ingested(csv(20 * i), mode="append")
    services.set_retention_policy(principal=principal, dataset=dataset, keep_last=3, keep_days=None)
    first = keep_house()
    assert [job.kind for job in first] == ["retention", "compact_dataset"]
    assert keep_house() == first
    services.set_retention_policy(
        principal=principal, dataset=dataset, keep_last=3, keep_days=None, is_enabled=False
    )
    assert [job.kind for job in keep_house()] == ["compact_dataset"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"keep_last": None, "keep_days": None}, "keep_last"),
        ({"keep_last": 0, "keep_days": None}, "keep_last"),
        ({"keep_last": None, "keep_days": 10**9}, "keep_days"),
        ({"keep_last": 1, "keep_days": None, "grace_days": -1}, "grace_days"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    principal: Principal, dataset: Dataset, terms: dict[str, int | None], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.set_retention_policy(principal=principal, dataset=dataset, **terms)  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert not RetentionPolicy.objects.exists()


def test_without_a_policy_there_is_nothing_to_run(principal: Principal, dataset: Dataset) -> None:
    for ask in (services.run_retention, services.preview_retention):
        with pytest.raises(NoRetentionPolicy):
            ask(principal=principal, dataset=dataset)


def test_policies_over_rest(
    api: Callable[..., APIClient], dataset: Dataset, ingested: Ingest, other_project: Project
) -> None:
    version = ingested(csv(0))
    client, viewer = api(Role.EDITOR), api(Role.VIEWER)
    url = f"/api/v1/datasets/{dataset.pk}/retention/"
    assert client.get(url).json()["code"] == "no_retention_policy"
    refused = client.put(url, {})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "keep_last")
    made = client.put(url, {"keep_last": 2, "keep_days": 30})
    assert (made.status_code, made.json()["grace_days"]) == (200, 7)
    assert viewer.put(url, {"keep_last": 1}).status_code == 403
    (planned,) = viewer.get(url + "preview/").json()["versions"]
    assert (planned["fate"], planned["reasons"][0]) == ("keep", "the newest ready version")
    assert viewer.post(url + "run/").status_code == 403
    assert client.post(url + "run/").status_code == 202
    assert client.post(f"/api/v1/datasets/{dataset.pk}/compact/").status_code == 202
    hold = f"/api/v1/dataset-versions/{version.pk}/hold/"
    assert client.put(hold, {"reason": "audit"}).json()["hold_reason"] == "audit"
    assert client.put(hold, {"reason": " "}).status_code == 422
    assert client.delete(hold).json()["hold_reason"] == ""
    stranger = api(Role.ADMIN, in_project=other_project)
    for address in (url, url + "preview/", hold):
        assert stranger.get(address).status_code in (404, 405)
    assert stranger.put(hold, {"reason": "x"}).status_code == 404
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_the_list_of_policies_takes_few_queries(
    api: Callable[..., APIClient],
    principal: Principal,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        one = services.create_dataset(principal=principal, name=f"d{number}")
        services.set_retention_policy(principal=principal, dataset=one, keep_last=1, keep_days=None)
    client = api(Role.VIEWER)
    client.get("/api/v1/retention-policies/")
    with django_assert_max_num_queries(8):
        found = client.get("/api/v1/retention-policies/").json()
    assert [one["dataset_name"] for one in found["results"]] == [f"d{i}" for i in range(5)]


def test_the_pages_make_show_run_and_delete_a_policy(
    client: Client, admin_user_: User, dataset: Dataset, ingested: Ingest, run_job: Run
) -> None:
    old, _ = ingested(csv(0)), ingested(csv(100))
    client.force_login(admin_user_)
    made = client.post(
        "/admin/datasets/retentionpolicy/add/",
        {
            "whose": dataset.pk,
            "is_enabled": "on",
            "keep_last": 1,
            "keep_days": "",
            "grace_days": 0,
        },
    )
    assert made.status_code == 302
    policy = RetentionPolicy.objects.get()
    base = f"/admin/datasets/retentionpolicy/{policy.pk}/"
    assert "people" in client.get("/admin/datasets/retentionpolicy/").content.decode()
    preview = client.get(base + "preview", follow=True).content.decode()
    assert "is archived" in preview
    assert "the newest ready version" in preview
    assert client.get(base + "run/", follow=True).status_code == 200
    assert not Job.objects.filter(kind="retention").exists()
    assert client.post(base + "run/").status_code == 302
    run_job(Job.objects.get(kind="retention"))
    old.refresh_from_db()
    assert old.status == VersionStatus.ARCHIVED
    hold = f"/admin/datasets/datasetversion/{old.pk}/hold/"
    assert client.post(hold, {"reason": "for the audit"}).status_code == 302
    page = client.get(f"/admin/datasets/datasetversion/{old.pk}/change/").content.decode()
    assert "held: for the audit" in page
    assert client.post(f"/admin/datasets/datasetversion/{old.pk}/release/").status_code == 302
    assert client.post(f"/admin/datasets/dataset/{dataset.pk}/compact/").status_code == 302
    assert Job.objects.filter(kind="compact_dataset").exists()
    assert client.get(base + "remove/").status_code == 200
    assert client.post(base + "remove/").status_code == 302
    assert not RetentionPolicy.objects.exists()
