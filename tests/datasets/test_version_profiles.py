"""The deep profile of a version: asked for, measured, shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Project, Role
from accounts.principals import Principal
from core.errors import Invalid
from datasets import services
from datasets.errors import VersionNotReady
from datasets.execution.asking.profiles import profile_new_versions
from datasets.models import Dataset, DatasetVersion, VersionProfile, VersionStatus
from jobs.models import Job, JobStatus

CSV = b"n,kind,y\n" + b"".join(
    b"%d,%s,%d\n" % (i % 7, b"ab"[i % 2 : i % 2 + 1], i % 3) for i in range(300)
)
Run = Callable[[Job], Job]
Ingest = Callable[..., DatasetVersion]


def test_a_version_is_measured_by_a_job(
    principal: Principal, ingested: Ingest, run_job: Run
) -> None:
    version = ingested(CSV)
    job = run_job(services.profile_version(principal=principal, version=version, target="y"))
    assert job.status == JobStatus.SUCCEEDED, job.error_message
    profile = VersionProfile.objects.get(version=version)
    assert profile.target == "y"
    assert profile.computed_at is not None
    assert profile.document["row_count"] == 300
    assert profile.document["leakage"]["verdict"] == "measured"


def test_the_same_measurement_is_not_queued_twice(principal: Principal, ingested: Ingest) -> None:
    version = ingested(CSV)
    first = services.profile_version(principal=principal, version=version)
    assert services.profile_version(principal=principal, version=version) == first
    other = services.profile_version(principal=principal, version=version, target="n")
    assert other != first


def test_only_the_newest_request_is_kept(
    principal: Principal, ingested: Ingest, run_job: Run
) -> None:
    version = ingested(CSV)
    first = services.profile_version(principal=principal, version=version, target="n")
    second = services.profile_version(principal=principal, version=version, target="y")
    assert run_job(second).result["is_kept"] is True
    assert run_job(first).result["is_kept"] is False
    assert VersionProfile.objects.get(version=version).target == "y"


def test_the_column_with_the_role_target_is_the_target(
    principal: Principal, ingested: Ingest, run_job: Run
) -> None:
    version = ingested(CSV)
    version.schema["columns"][2]["role"] = "target"
    version.save()
    run_job(services.profile_version(principal=principal, version=version))
    assert VersionProfile.objects.get(version=version).target == "y"


def test_a_target_that_is_not_there_is_refused(principal: Principal, ingested: Ingest) -> None:
    with pytest.raises(Invalid, match="no column 'z'"):
        services.profile_version(principal=principal, version=ingested(CSV), target="z")
    assert not Job.objects.filter(kind="profile").exists()


def test_a_version_without_rows_is_refused(principal: Principal, dataset: Dataset) -> None:
    version = DatasetVersion.objects.create(dataset=dataset, number=1, status=VersionStatus.FAILED)
    with pytest.raises(VersionNotReady):
        services.profile_version(principal=principal, version=version)


def test_new_versions_are_measured_on_their_own_once(ingested: Ingest, run_job: Run) -> None:
    version = ingested(CSV)
    (job,) = profile_new_versions()
    assert profile_new_versions() == []
    assert run_job(job).status == JobStatus.SUCCEEDED
    assert profile_new_versions() == []
    assert VersionProfile.objects.get(version=version).document["row_count"] == 300


def test_large_versions_wait_for_a_click(ingested: Ingest, settings: Settings) -> None:
    settings.AUTO_PROFILE_MAX_ROWS = 100
    ingested(CSV)
    assert profile_new_versions() == []


def test_the_profile_is_asked_for_and_read_over_rest(
    api: Callable[..., APIClient], ingested: Ingest, run_job: Run
) -> None:
    version, client = ingested(CSV), api(Role.EDITOR)
    url = f"/api/v1/dataset-versions/{version.pk}/profile/"
    assert client.get(url).status_code == 404
    asked = client.post(url, {"target": "y"})
    assert (asked.status_code, asked["Location"]) == (
        202,
        f"/api/v1/jobs/{asked.json()['job']['id']}/",
    )
    assert client.get(url).json()["document"] == {}
    run_job(Job.objects.get(kind="profile"))
    found = client.get(url).json()
    assert found["target"] == "y"
    assert found["document"]["over_time"]["unit"] == "rows"
    refused = client.post(url, {"target": "z"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "target")


def test_viewers_look_and_strangers_find_nothing(
    api: Callable[..., APIClient], ingested: Ingest, other_project: Project
) -> None:
    url = f"/api/v1/dataset-versions/{ingested(CSV).pk}/profile/"
    assert api(Role.VIEWER).post(url, {}).status_code == 403
    stranger = api(Role.ADMIN, in_project=other_project)
    assert stranger.post(url, {}).status_code == 404
    assert stranger.get(url).status_code == 404


def test_the_page_shows_pictures_with_a_text_for_each(
    client: Client, admin_user_: User, ingested: Ingest, run_job: Run
) -> None:
    gaps = b"n,kind,y\n" + b"".join(
        b"%d,%s,%s\n"
        % (i % 7, b"" if i % 5 == 0 else b"<b>x</b>", b"" if i % 9 == 0 else b"%d" % (i % 2))
        for i in range(300)
    )
    version = ingested(gaps + gaps.partition(b"\n")[2])
    client.force_login(admin_user_)
    url = f"/admin/datasets/datasetversion/{version.pk}/profile"
    before = client.get(url, follow=True)
    assert "has not been measured" in before.content.decode()
    asked = client.post(
        before.redirect_chain[-1][0] if before.redirect_chain else url, {"target": "y"}
    )
    assert asked.status_code == 302
    run_job(Job.objects.get(kind="profile"))
    page = client.get(url, follow=True).content.decode()
    assert page.count('<svg viewBox="0 0 ') > 2
    for picture in page.split('<svg viewBox="0 0 ')[1:]:
        assert 'role="img" aria-label="' in picture.partition(">")[0]
    for said in (
        "Missing values",
        "Associations",
        "y over time",
        "Duplicate rows",
        "Skill of each",
    ):
        assert said in page
    assert "<b>x</b>" not in page


@pytest.mark.shared
def test_the_bank_data_has_its_leak_its_stray_row_and_its_drift(
    shared_path: Path, principal: Principal, ingested: Ingest, run_job: Run
) -> None:
    version = ingested((shared_path / "data" / "bank_full.csv").read_bytes())
    run_job(services.profile_version(principal=principal, version=version, target="y"))
    found: dict[str, Any] = VersionProfile.objects.get(version=version).document
    assert {s["column"]: s["reason"] for s in found["leakage"]["suspects"]} == {
        "duration": "stands_out"
    }
    assert found["duplication"]["groups"] == 1
    assert found["duplication"]["examples"][0]["row_numbers"][0] == 2
    shares = [period["values"][0] for period in found["over_time"]["periods"]]
    assert found["over_time"]["series"] == ["yes"]
    assert shares[0] < 0.05
    assert shares[-1] > 0.45


@pytest.mark.shared
def test_duration_is_a_suspect_in_the_bank_data_as_far_as_its_role_allows_it(
    shared_path: Path,
    principal: Principal,
    ingested: Ingest,
    run_job: Run,
    admin_user_: User,
    client: Client,
) -> None:
    """What is ignored does not reach a model; as a feature it is named, and the page shows why and how the target goes."""
    content = (shared_path / "data" / "bank_full.csv").read_bytes()
    first = ingested(content)

    def measured_as(role: str, rows: bytes) -> tuple[DatasetVersion, dict[str, Any]]:
        columns = [dict(column) for column in first.schema["columns"]]
        for column in columns:
            column["role"] = {"duration": role, "y": "target"}.get(column["name"], column["role"])
        services.edit_schema(principal=principal, dataset=first.dataset, columns=columns)
        version = ingested(rows)
        run_job(services.profile_version(principal=principal, version=version))
        return version, VersionProfile.objects.get(version=version).document

    one_row_less, two_rows_less = (content.rsplit(b"\n", cut)[0] + b"\n" for cut in (2, 3))
    _, ignored = measured_as("ignored", one_row_less)
    assert (ignored["target"], ignored["leakage"]["suspects"]) == ("y", [])
    version, feature = measured_as("feature", two_rows_less)
    assert [one["column"] for one in feature["leakage"]["suspects"]] == ["duration"]
    client.force_login(admin_user_)
    page = client.get(f"/admin/datasets/datasetversion/{version.pk}/profile/").content.decode()
    assert "Alone it predicts far better than ordinary columns" in page
    pictures = [one.partition(">")[0] for one in page.split("<svg ")[1:]]
    shown = 'aria-label="Share of rows over time, by the order of the rows'
    assert sum(shown in one for one in pictures) == 1


@pytest.mark.shared
def test_the_bike_data_has_two_parts_of_its_target(
    shared_path: Path, principal: Principal, ingested: Ingest, run_job: Run
) -> None:
    version = ingested((shared_path / "data" / "bike_hour.csv").read_bytes())
    run_job(services.profile_version(principal=principal, version=version, target="cnt"))
    found = VersionProfile.objects.get(version=version).document
    assert {s["column"] for s in found["leakage"]["suspects"]} == {"casual", "registered"}
    assert found["over_time"]["unit"] == "month"
    means = [period["values"][0] for period in found["over_time"]["periods"]]
    assert means[-1] > 2 * means[0]
