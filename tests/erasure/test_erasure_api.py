"""Erasure by REST: asked for, found, confirmed by a second person, done; and the key in no answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from datasets.models import DatasetVersion, ErasureRequest
from jobs.models import Job
from models_registry.models import ModelVersion
from tests.erasure.conftest import PART, SUBJECT
from tests.erasure.spelled import files_that_spell

Api = Callable[..., APIClient]
AT = "/api/v1/erasure-requests/"


def test_a_subject_is_erased_by_two_persons_and_the_key_is_in_no_answer(
    api: Api,
    hospital: list[DatasetVersion],
    untrained: ModelVersion,
    run_all_jobs: Callable[[], list[Job]],
    lake_home: Path,
) -> None:
    first, second = api(Role.EDITOR), api(Role.ADMIN)
    said: list[str] = []

    def ask(client: APIClient, path: str, body: object = None, *, status: int) -> dict[str, object]:
        answer = client.post(path, body, format="json") if body is not None else client.get(path)
        said.append(answer.content.decode() + str(answer.headers))
        assert answer.status_code == status, answer.content
        if status == 202:
            assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['job']['id']}/"
        found: dict[str, object] = answer.json()
        return found

    wanted = {"subject": SUBJECT, "column": "patient", "reason": "a letter of March"}
    asked = ask(first, AT, wanted, status=202)
    one = f"{AT}{asked['erasure']}/"
    again = ask(first, AT, wanted, status=409)
    assert again["code"] == "erasure_under_way"
    [searched] = run_all_jobs()
    assert searched.result["erasure"] == asked["erasure"]

    # before: what was found
    found = ask(first, one, status=200)
    assert (found["status"], found["left"], found["versions"]) == ("searched", [], [])
    findings = json.loads(json.dumps(found["found"]))
    kinds = {finding["kind"]: finding for finding in findings}
    assert [f["label"] for f in findings if f["kind"] == "dataset_version"] == [
        "demo/hospital v1",
        "demo/hospital v2",
    ]
    assert kinds["model_version"]["advice"] == "marked"
    assert kinds["model_version"]["target"] == ["models_registry.modelversion", str(untrained.pk)]

    # during: the one who asked is not the one who confirms
    assert ask(first, f"{one}confirm/", {"subject": SUBJECT}, status=403)
    wrong = ask(second, f"{one}confirm/", {"subject": "patient-0001"}, status=422)
    assert wrong["code"] == "subject_differs"
    assert [error["field"] for error in wrong["errors"]] == ["subject"]  # type: ignore[attr-defined]
    missing = ask(second, f"{one}confirm/", {}, status=422)
    assert [error["field"] for error in missing["errors"]] == ["subject"]  # type: ignore[attr-defined]
    ask(second, f"{one}confirm/", {"subject": SUBJECT, "comment": "seen the letter"}, status=202)
    run_all_jobs()

    # after: what was removed, and what it made of the digests
    done = ask(second, one, status=200)
    assert (done["status"], done["left"]) == ("done", [])
    versions = json.loads(json.dumps(done["versions"]))
    assert [v["rows_removed"] for v in versions] == [6, 10]
    for entry, former in zip(versions, hospital, strict=False):
        shown = ask(first, f"/api/v1/dataset-versions/{former.pk}/", status=200)
        assert shown["erasure_affected"] is True
        assert shown["erasures"] == [entry]
        assert (entry["sha256_before"], entry["sha256_after"]) == (former.sha256, shown["sha256"])
    marked = ask(first, f"/api/v1/model-versions/{untrained.pk}/", status=200)
    assert marked["erasure_marks"] == {done["reference"]: 10}
    assert marked["erasure_affected_at"]

    # a version can be verified at any time
    asked = ask(first, f"/api/v1/dataset-versions/{hospital[1].pk}/verify/", {}, status=202)
    [verified] = run_all_jobs()
    assert verified.result["matches"] is True

    assert not [text for text in said if SUBJECT in text or PART in text]
    assert not [
        job for job in Job.objects.all() if PART in f"{job.title}{job.arguments}{job.result}"
    ]
    assert not [e for e in AuditEvent.objects.all() if PART in f"{e.summary}{e.changes}"]
    assert files_that_spell(SUBJECT, lake_home) == []


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        (Role.VIEWER, [200, 403, 403, 403, 403, 403, 403]),
        (Role.EDITOR, [200, 422, 409, 403, 403, 403, 403]),
        (Role.ADMIN, [200, 422, 409, 422, 409, 403, 409]),
    ],
)
def test_each_role_may_what_the_table_says(
    api: Api, waiting: ErasureRequest, role: Role, statuses: list[int]
) -> None:
    client = api(role)
    ErasureRequest.objects.filter(pk=waiting.pk).update(status="confirmed")
    one = f"{AT}{waiting.pk}/"
    asked = [
        client.get(one),
        client.post(AT, {"subject": "x", "column": "no such column"}),
        client.post(f"{one}search/"),
        client.post(f"{one}confirm/", {"subject": ""}),
        client.post(f"{one}reject/"),
        client.post(f"{one}withdraw/"),
        client.post(f"{one}resume/"),
    ]
    assert [answer.status_code for answer in asked] == statuses


def test_another_projects_erasures_are_not_found(
    api: Api, waiting: ErasureRequest, other_project: Project
) -> None:
    client = api(Role.ADMIN, in_project=other_project)
    one = f"{AT}{waiting.pk}/"
    assert client.get(AT).json()["results"] == []
    assert client.get(one).status_code == 404
    for name in ("search", "confirm", "reject", "withdraw", "resume"):
        assert client.post(f"{one}{name}/", {"subject": SUBJECT}).status_code == 404


def test_the_list_takes_the_same_queries_however_long_it_is(
    api: Api,
    waiting: ErasureRequest,
    project: Project,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = api(Role.VIEWER)
    client.get(AT)  # what is looked up once for a process
    with django_assert_num_queries(5):
        assert len(client.get(AT).json()["results"]) == 1
    for number in range(5):
        ErasureRequest.objects.create(
            project=project,
            subject_hash=f"{number}",
            requested_by=waiting.requested_by,
            status="rejected",
        )
    with django_assert_num_queries(5):
        listed = client.get(AT).json()["results"]
    assert len(listed) == 6
    assert "found" not in listed[0]
    assert len(client.get(f"{AT}?status=rejected").json()["results"]) == 5
