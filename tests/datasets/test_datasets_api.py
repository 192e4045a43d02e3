"""Datasets over REST: made, filled, looked at, kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import Project, Role
from datasets import services
from datasets.models import Dataset, DatasetVersion
from jobs.models import Job

Api = Callable[..., APIClient]
CSV = b"a,b\n1,x\n2,<script>alert(1)</script>\n3,\n"


def send(client: APIClient, dataset: int, content: bytes = CSV, **extra: Any) -> Any:
    file = SimpleUploadedFile("data.csv", content)
    return client.post(
        f"/api/v1/datasets/{dataset}/versions/",
        {"file": file, **extra.pop("data", {})},
        format="multipart",
        **extra,
    )


def made(client: APIClient, name: str = "people") -> int:
    answer = client.post("/api/v1/datasets/", {"name": name, "description": "d"})
    assert answer.status_code == 201, answer.content
    return int(answer.json()["id"])


def test_the_way_from_a_name_to_rows(api: Api, run_all_jobs: Callable[[], list[Job]]) -> None:
    client = api(Role.EDITOR)
    dataset = made(client)
    accepted = send(client, dataset)
    assert accepted.status_code == 202
    job = accepted.json()["job"]
    assert accepted["Location"] == f"/api/v1/jobs/{job['id']}/"
    run_all_jobs()
    ended = client.get(accepted["Location"]).json()
    assert (ended["status"], ended["progress"]) == ("succeeded", 1.0)
    version_id = ended["result"]["dataset_version"]

    version = client.get(f"/api/v1/dataset-versions/{version_id}/").json()
    assert (version["status"], version["row_count"], version["number"]) == ("ready", 3, 1)
    assert [c["name"] for c in version["schema"]["columns"]] == ["a", "b"]
    assert version["profile"]["columns"][1]["nulls"] == 1
    assert len(version["sha256"]) == 64
    assert "upload" not in version["source"]
    assert version["source"]["filename"] == "data.csv"

    rows = client.get(f"/api/v1/dataset-versions/{version_id}/rows/?offset=1&limit=2").json()
    assert rows == {
        "offset": 1,
        "row_count": 3,
        "columns": ["a", "b"],
        "rows": [[2, "<script>alert(1)</script>"], [3, None]],
    }
    shown = client.get(f"/api/v1/datasets/{dataset}/").json()
    assert (shown["latest_version"], shown["latest_row_count"]) == (version_id, 3)


def test_an_idempotency_key_gives_the_same_job(api: Api) -> None:
    client = api()
    dataset = made(client)
    first = send(client, dataset, HTTP_IDEMPOTENCY_KEY="k").json()["job"]["id"]
    assert send(client, dataset, HTTP_IDEMPOTENCY_KEY="k").json()["job"]["id"] == first
    other = send(client, dataset, b"z\n1\n", HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code in (409, 422)
    assert other["Content-Type"] == "application/problem+json"
    assert DatasetVersion.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "x" * 201}, {"name": "a\u0000b"}, {"name": ["x"]}],
)
def test_a_bad_name_is_a_problem_with_its_field(api: Api, body: dict[str, Any]) -> None:
    answer = api().post("/api/v1/datasets/", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "name"


def test_a_name_that_is_taken_is_a_conflict(api: Api) -> None:
    client = api()
    made(client)
    answer = client.post("/api/v1/datasets/", {"name": "people"})
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_name_taken")


def test_a_dataset_is_renamed_but_never_moved(api: Api, other_project: Project) -> None:
    client = api()
    dataset = made(client)
    body = {"name": "new", "project": other_project.pk, "id": 99}
    answer = client.patch(f"/api/v1/datasets/{dataset}/", body)
    assert answer.status_code == 200
    stored = Dataset.objects.get()
    assert (stored.pk, stored.name, stored.description) == (dataset, "new", "d")
    assert stored.project != other_project


def test_a_missing_or_empty_file_is_refused(api: Api) -> None:
    client = api()
    dataset = made(client)
    missing = client.post(f"/api/v1/datasets/{dataset}/versions/", {}, format="multipart")
    assert missing.status_code == 422
    empty = send(client, dataset, b"")
    assert (empty.status_code, empty.json()["code"]) == (422, "empty_file")
    mode = send(client, dataset, data={"mode": "merge"})
    assert mode.status_code == 422
    wrong_type = client.post(f"/api/v1/datasets/{dataset}/versions/", {"file": "x"}, format="json")
    assert wrong_type.status_code == 415
    assert not Job.objects.exists()


def test_a_dataset_in_use_is_a_conflict_and_one_that_is_not_is_deleted(
    api: Api, run_all_jobs: Callable[[], list[Job]]
) -> None:
    client = api()
    dataset = made(client)
    send(client, dataset)
    busy = client.delete(f"/api/v1/datasets/{dataset}/")
    assert (busy.status_code, busy.json()["code"]) == (409, "dataset_in_use")
    run_all_jobs()
    assert client.delete(f"/api/v1/datasets/{dataset}/").status_code == 204
    assert client.get(f"/api/v1/datasets/{dataset}/").status_code == 404


def test_a_viewer_looks_and_changes_nothing(api: Api) -> None:
    dataset = made(api())
    viewer = api(Role.VIEWER)
    assert viewer.get(f"/api/v1/datasets/{dataset}/").status_code == 200
    assert viewer.get(f"/api/v1/datasets/{dataset}/versions/").status_code == 200
    assert viewer.post("/api/v1/datasets/", {"name": "x"}).status_code == 403
    assert viewer.patch(f"/api/v1/datasets/{dataset}/", {"name": "x"}).status_code == 403
    assert viewer.delete(f"/api/v1/datasets/{dataset}/").status_code == 403
    assert send(viewer, dataset).status_code == 403
    reader = api(Role.ADMIN, scopes=["read"])
    assert send(reader, dataset).status_code == 403
    assert APIClient().get("/api/v1/datasets/").status_code == 401


def test_another_project_does_not_exist(
    api: Api, run_all_jobs: Callable[[], list[Job]], other_project: Project
) -> None:
    client = api()
    dataset = made(client)
    send(client, dataset)
    version = run_all_jobs()[0].result["dataset_version"]
    stranger = api(Role.ADMIN, in_project=other_project)
    for method, path in (
        ("get", f"/api/v1/datasets/{dataset}/"),
        ("patch", f"/api/v1/datasets/{dataset}/"),
        ("delete", f"/api/v1/datasets/{dataset}/"),
        ("get", f"/api/v1/datasets/{dataset}/versions/"),
        ("get", f"/api/v1/dataset-versions/{version}/"),
        ("get", f"/api/v1/dataset-versions/{version}/rows/"),
        ("post", f"/api/v1/dataset-versions/{version}/archive/"),
    ):
        assert getattr(stranger, method)(path).status_code == 404, path
    assert send(stranger, dataset).status_code == 404
    assert stranger.get("/api/v1/datasets/").json()["count"] == 0


def test_lists_are_filtered_and_paged_and_bounded(api: Api) -> None:
    client = api()
    for name in ("alpha", "beta", "alphabet"):
        made(client, name)
    names = [d["name"] for d in client.get("/api/v1/datasets/?name=alpha").json()["results"]]
    assert names == ["alpha", "alphabet"]
    page = client.get("/api/v1/datasets/?page_size=1000000000&ordering=-name").json()
    assert [d["name"] for d in page["results"]] == ["beta", "alphabet", "alpha"]
    assert client.get("/api/v1/datasets/?ordering=created_by__password").status_code == 200


@pytest.mark.parametrize(
    "query", ["offset=-1", "limit=0", "limit=100000", "offset=x", "offset=9999999999999999999999"]
)
def test_a_preview_is_bounded(api: Api, run_all_jobs: Callable[[], list[Job]], query: str) -> None:
    client = api()
    send(client, made(client))
    version = run_all_jobs()[0].result["dataset_version"]
    assert client.get(f"/api/v1/dataset-versions/{version}/rows/?{query}").status_code == 422
    beyond = client.get(f"/api/v1/dataset-versions/{version}/rows/?offset=100").json()
    assert beyond["rows"] == []


def test_rows_of_a_version_that_failed_are_a_conflict(
    api: Api, run_all_jobs: Callable[[], list[Job]]
) -> None:
    client = api()
    dataset = made(client)
    send(client, dataset, b"a,b\n1\n")
    job = run_all_jobs()[0]
    assert client.get(f"/api/v1/jobs/{job.pk}/").json()["error"]["code"] == "ragged_rows"
    version = client.get(f"/api/v1/datasets/{dataset}/versions/?status=failed").json()["results"][0]
    answer = client.get(f"/api/v1/dataset-versions/{version['id']}/rows/")
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_version_not_ready")


@pytest.mark.parametrize("count", [1, 6])
def test_lists_take_a_fixed_number_of_queries(
    api: Api, count: int, django_assert_max_num_queries: DjangoAssertNumQueries, principal: Any
) -> None:
    client = api()
    for i in range(count):
        dataset = services.create_dataset(principal=principal, name=f"d{i}")
        send(client, dataset.pk, b"a\n%d\n" % i)
        send(client, dataset.pk, b"b\n%d\n" % i)
    with django_assert_max_num_queries(5):
        assert client.get("/api/v1/datasets/").status_code == 200
    with django_assert_max_num_queries(6):
        assert client.get(f"/api/v1/datasets/{dataset.pk}/versions/").status_code == 200
