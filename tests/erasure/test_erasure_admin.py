"""Erasure in the admin: before, during, after, and a key that no page shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from accounts.models import Role
from datasets.admin import ErasureRequestAdmin
from datasets.models import DatasetVersion, ErasureRequest, ErasureStatus
from jobs.models import Job
from models_registry.models import ModelVersion
from tests.erasure.conftest import PART, SUBJECT

AT = "/admin/datasets/erasurerequest/"
SignIn = Callable[[Role], Client]


def test_pages_show_before_during_and_after_and_never_the_key(
    staff: SignIn,
    hospital: list[DatasetVersion],
    untrained: ModelVersion,
    run_all_jobs: Callable[[], list[Job]],
) -> None:
    first, second = staff(Role.EDITOR), staff(Role.ADMIN)
    shown: list[str] = []

    def look(client: Client, path: str) -> str:
        page = client.get(path, follow=True).content.decode()
        shown.append(page)
        return page

    def send(client: Client, path: str, **fields: object) -> str:
        page = client.post(path, fields, follow=True).content.decode()
        shown.append(page)
        return page

    form = look(first, f"{AT}add/")
    assert 'type="password"' in form
    assert 'autocomplete="off"' in form
    project = hospital[0].dataset.project_id
    refused = send(first, f"{AT}add/", project=project, subject=SUBJECT, column="nobody")
    assert "No dataset has a column" in refused
    page = send(first, f"{AT}add/", project=project, subject=SUBJECT, column="patient")
    assert "The rows are being searched for" in page
    erasure = ErasureRequest.objects.get()
    run_all_jobs()
    one = f"{AT}{erasure.pk}/"

    before = look(first, f"{one}change/")
    for text in (
        "demo/hospital v1",
        "6 of 60",
        "illness v1",
        "is erased",
        "Nothing has been removed",
    ):
        assert text in before
    assert "An administrator other than you has to confirm" in before
    assert f"{one}confirm/" not in before
    assert f"{one}withdraw/" in before
    assert "Search again" in look(second, f"{one}change/")

    wrong = send(second, f"{one}confirm/", subject="patient-4711", comment="x")
    assert "not the subject that the request names" in wrong
    assert "patient-4711" not in wrong
    assert 'type="password"' in wrong
    assert "under way" in send(second, f"{one}confirm/", subject=SUBJECT)
    run_all_jobs()

    after = look(second, f"{one}change/")
    first_version = DatasetVersion.objects.get(pk=hospital[0].pk)
    for text in (
        hospital[0].sha256[:16],
        first_version.sha256[:16],
        "was erased",
        "Train it again",
        "A last search found nothing",
    ):
        assert text in after
    version = look(first, f"/admin/datasets/datasetversion/{first_version.pk}/change/")
    assert "Erasure affected" in version
    assert hospital[0].sha256[:16] in version
    assert "erasure affected" in look(first, "/admin/datasets/datasetversion/")
    model = look(first, f"/admin/models_registry/modelversion/{untrained.pk}/change/")
    assert "10 rows that it learnt from were erased" in model
    assert "trained on erased rows" in look(first, "/admin/models_registry/modelversion/")
    assert "Done" in look(first, AT)
    asked = send(first, f"/admin/datasets/datasetversion/{first_version.pk}/verify/", post="yes")
    assert "is queued" in asked
    assert not [page for page in shown if SUBJECT in page or PART in page]


@pytest.mark.parametrize(
    ("status", "first", "second"),
    [
        ("open", {"search", "withdraw"}, {"search"}),
        ("searched", {"search", "withdraw"}, {"confirm", "reject", "search"}),
        ("confirmed", set(), set()),
        ("running", set(), set()),
        ("failed", {"resume"}, {"resume"}),
        ("done", set(), set()),
        ("withdrawn", set(), set()),
        ("rejected", set(), set()),
    ],
)
def test_buttons_are_there_for_what_would_not_be_refused(
    rf: RequestFactory,
    make_user: Callable[..., User],
    waiting: ErasureRequest,
    status: str,
    first: set[str],
    second: set[str],
) -> None:
    page = ErasureRequestAdmin(ErasureRequest, admin.site)
    request = rf.get("/")
    waiting.status = status
    request.user = make_user(Role.ADMIN)
    assert set(page.offered(request, waiting)) == second
    request.user = waiting.requested_by
    assert set(page.offered(request, waiting)) == first


def test_reject_withdraw_and_resume_ask_first(staff: SignIn, waiting: ErasureRequest) -> None:
    client = staff(Role.ADMIN)
    at = f"{AT}{waiting.pk}/reject/"
    assert client.get(at).status_code == 200
    waiting.refresh_from_db()
    assert waiting.status == ErasureStatus.SEARCHED
    client.post(at, {"comment": "no such letter"})
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decision_comment) == ("rejected", "no such letter")
    assert waiting.subject_sealed == ""


def test_viewers_look_and_cannot_ask(staff: SignIn, waiting: ErasureRequest) -> None:
    viewer = staff(Role.VIEWER)
    assert viewer.get(f"{AT}{waiting.pk}/change/").status_code == 200
    assert viewer.get(f"{AT}add/").status_code == 302
    viewer.post(f"{AT}{waiting.pk}/confirm/", {"subject": SUBJECT})
    waiting.refresh_from_db()
    assert waiting.status == ErasureStatus.SEARCHED
