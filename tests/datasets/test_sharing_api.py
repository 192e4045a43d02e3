"""Shared datasets by REST: each level, each thing that can be done, each role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from datasets.models import Dataset, DatasetVersion, GrantLevel
from datasets.services import revoke_grant
from tests.datasets.shared_datasets import share

Api = Callable[..., APIClient]
ROWS = (
    "age,income,city\n" + "".join(f"{20 + n},{n * 100},town{n % 3}\n" for n in range(60))
).encode()


@pytest.fixture
def version(ingested: Callable[..., DatasetVersion]) -> DatasetVersion:
    """A version of the first project."""
    return ingested(ROWS)


def reads(client: APIClient, version: DatasetVersion) -> dict[str, int]:
    """Try all that reads, and say how it was answered."""
    at = f"/api/v1/dataset-versions/{version.pk}/"
    return {
        "detail": client.get(f"/api/v1/datasets/{version.dataset_id}/").status_code,
        "versions": client.get(f"/api/v1/datasets/{version.dataset_id}/versions/").status_code,
        "version": client.get(at).status_code,
        "rows": client.get(f"{at}rows/").status_code,
    }


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("level", "rows", "train"),
    [(GrantLevel.VIEW, 200, 403), (GrantLevel.TRAIN, 403, 202), (GrantLevel.EXPORT, 200, 202)],
)
def test_each_role_of_the_other_project_can_do_what_the_level_says(
    api: Api,
    version: DatasetVersion,
    other_project: Project,
    level: GrantLevel,
    rows: int,
    train: int,
    role: Role,
) -> None:
    client = api(role, in_project=other_project)
    assert set(reads(client, version).values()) == {404}
    share(version.dataset, other_project.pk, level)
    seen = {"detail": 200, "versions": 200, "version": 200, "rows": rows}
    assert reads(client, version) == seen
    shown = client.get(f"/api/v1/dataset-versions/{version.pk}/").json()
    assert bool(shown["profile"]) is (rows == 200)
    assert [column["name"] for column in shown["schema"]["columns"]] == ["age", "income", "city"]
    wanted = {
        "dataset_version": version.pk,
        "target": "income",
        "model": "m",
        "estimator": "ridge",
        "task": "regression",
    }
    asked = client.post("/api/v1/training-runs/", wanted).status_code
    assert asked == (403 if role is Role.VIEWER else train)
    changes = [
        client.patch(f"/api/v1/datasets/{version.dataset_id}/", {"name": "mine"}),
        client.delete(f"/api/v1/datasets/{version.dataset_id}/"),
        client.post(f"/api/v1/dataset-versions/{version.pk}/archive/"),
        client.post(
            "/api/v1/dataset-grants/",
            {"dataset": version.dataset_id, "project": "demo", "level": "view"},
        ),
        client.post(f"/api/v1/datasets/{version.dataset_id}/versions/", {}, format="multipart"),
    ]
    assert {answer.status_code for answer in changes} <= {403, 404}
    version.refresh_from_db()
    assert (version.status, version.dataset.name) == ("ready", "people")


def test_lists_mark_what_is_shared(
    api: Api,
    version: DatasetVersion,
    other_project: Project,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Dataset.objects.create(project=other_project, name="own")
    share(version.dataset, other_project.pk, GrantLevel.TRAIN)
    client = api(Role.VIEWER, in_project=other_project)
    client.get("/api/v1/datasets/")
    with django_assert_num_queries(5):
        listed = client.get("/api/v1/datasets/").json()["results"]
    assert [(one["name"], one["project"]) for one in listed] == [
        ("own", "other"),
        ("people", "demo"),
    ]
    assert listed[0]["shared"] is None
    assert listed[1]["shared"] == {"owner": "demo", "level": "train", "expires_at": None}
    for value, names in (("true", ["people"]), ("false", ["own"])):
        found = client.get(f"/api/v1/datasets/?shared={value}").json()["results"]
        assert [one["name"] for one in found] == names
    own = api(Role.VIEWER).get("/api/v1/datasets/").json()["results"]
    assert [one["shared"] for one in own] == [None]


def test_after_the_end_of_a_grant_nothing_is_seen_or_begun(
    api: Api,
    version: DatasetVersion,
    other_project: Project,
    run_all_jobs: Callable[[], list[object]],
    principal: object,
) -> None:
    grant = share(version.dataset, other_project.pk, GrantLevel.EXPORT)
    client = api(Role.EDITOR, in_project=other_project)
    wanted = {
        "dataset_version": version.pk,
        "target": "income",
        "model": "m",
        "estimator": "ridge",
    }
    first = client.post("/api/v1/training-runs/", {**wanted, "task": "regression"})
    assert first.status_code == 202, first.json()
    [trained] = run_all_jobs()
    assert trained.status == "succeeded", trained.error_message  # type: ignore[attr-defined]
    waiting = client.post("/api/v1/training-runs/", {**wanted, "task": "regression", "seed": 1})
    revoke_grant(principal=principal, grant=grant)  # type: ignore[arg-type]
    assert set(reads(client, version).values()) == {404}
    assert client.get("/api/v1/datasets/").json()["results"] == []
    assert client.post("/api/v1/training-runs/", wanted).status_code == 404
    [refused] = run_all_jobs()
    assert str(refused.pk) == waiting.json()["job"]["id"]  # type: ignore[attr-defined]
    assert (refused.status, refused.error_code) == ("failed", "dataset_not_shared")  # type: ignore[attr-defined]
    made = client.get(f"/api/v1/model-versions/{trained.result['model_version']}/").json()  # type: ignore[attr-defined]
    lineage = made["lineage"]["dataset_version"]
    assert (lineage["dataset"], lineage["owner"], lineage["sha256"]) == (
        "people",
        "demo",
        version.sha256,
    )


def test_grants_are_given_looked_at_and_revoked(
    api: Api,
    version: DatasetVersion,
    other_project: Project,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    wanted = {"dataset": version.dataset_id, "project": "other", "level": "view", "note": "study"}
    for role in (Role.VIEWER, Role.EDITOR, Role.DEPLOYER):
        assert api(role).post("/api/v1/dataset-grants/", wanted).status_code == 403
    owner = api(Role.ADMIN)
    made = owner.post("/api/v1/dataset-grants/", wanted)
    assert made.status_code == 201, made.json()
    address = f"/api/v1/dataset-grants/{made.json()['id']}/"
    other = api(Role.ADMIN, in_project=other_project)
    other.get("/api/v1/dataset-grants/")
    with django_assert_num_queries(5):
        listed = other.get("/api/v1/dataset-grants/?in_force=true").json()["results"]
    assert [(one["owner"], one["project"], one["state"]) for one in listed] == [
        ("demo", "other", "live")
    ]
    assert other.post(f"{address}revoke/").status_code == 404
    assert owner.post(f"{address}revoke/").json()["state"] == "revoked"
    assert owner.post(f"{address}revoke/").status_code == 409
    assert owner.get("/api/v1/dataset-grants/?in_force=true").json()["results"] == []
    bad = owner.post("/api/v1/dataset-grants/", {**wanted, "project": "nobody"})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "project")
    third = Project.objects.create(name="Third", slug="third")
    assert api(Role.ADMIN, in_project=third).get(address).status_code == 404
