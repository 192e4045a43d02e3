"""Sharing in the admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Project, Role
from datasets.models import DatasetGrant, DatasetVersion, GrantLevel
from tests.datasets.shared_datasets import share

ROWS = (
    "age,income,city\n" + "".join(f"{20 + n},{n * 100},town{n % 3}\n" for n in range(60))
).encode()


@pytest.fixture
def version(ingested: Callable[..., DatasetVersion]) -> DatasetVersion:
    """A version of the first project."""
    return ingested(ROWS)


@pytest.mark.parametrize(
    ("level", "sees_rows"),
    [(GrantLevel.VIEW, True), (GrantLevel.TRAIN, False), (GrantLevel.EXPORT, True)],
)
def test_members_of_the_other_project_see_what_the_grant_allows(
    staff: Callable[..., Client],
    version: DatasetVersion,
    other_project: Project,
    level: GrantLevel,
    sees_rows: bool,
) -> None:
    guest = staff(Role.ADMIN, other_project)
    page = f"/admin/datasets/datasetversion/{version.pk}/change/"
    assert guest.get(page).status_code == 302  # not known of
    grant = share(version.dataset, other_project.pk, level)
    assert ("town1" in guest.get(page).content.decode()) is sees_rows
    listed = guest.get("/admin/datasets/dataset/").content.decode()
    assert "people" in listed
    assert level.value in listed
    shown = guest.get(f"/admin/datasets/dataset/{version.dataset_id}/change/").content.decode()
    assert "Upload file" not in shown
    assert "shared with" not in shown.lower()
    for action in ("upload", "share", "remove"):
        answer = guest.get(f"/admin/datasets/dataset/{version.dataset_id}/{action}/")
        assert answer.status_code in (302, 403, 404), action
    revoke = f"/admin/datasets/datasetgrant/{grant.pk}/revoke/"
    assert guest.post(revoke).status_code in (302, 403, 404)
    grant.refresh_from_db()
    assert grant.revoked_at is None


def test_a_dataset_is_shared_and_taken_back_from_its_page(
    staff: Callable[..., Client], version: DatasetVersion, other_project: Project
) -> None:
    owner = staff(Role.ADMIN)
    share_page = f"/admin/datasets/dataset/{version.dataset_id}/share/"
    assert "Share people" in owner.get(share_page).content.decode()
    bad = owner.post(share_page, {"project": "nobody", "level": "view"})
    assert "There is no project" in bad.content.decode()
    assert owner.post(share_page, {"project": "other", "level": "train"}).status_code == 302
    grant = DatasetGrant.objects.get()
    shown = owner.get(f"/admin/datasets/dataset/{version.dataset_id}/change/").content.decode()
    assert "other" in shown
    page = f"/admin/datasets/datasetgrant/{grant.pk}"
    assert "Revoke" in owner.get(f"{page}/change/").content.decode()
    assert owner.get(f"{page}/revoke/").status_code == 200
    assert owner.post(f"{page}/revoke/").status_code == 302
    grant.refresh_from_db()
    assert grant.state == "revoked"
    assert "revoked" in owner.get("/admin/datasets/datasetgrant/").content.decode()
    assert staff(Role.EDITOR).post(
        share_page, {"project": "other", "level": "view"}
    ).status_code in (
        302,
        403,
        404,
    )
    assert DatasetGrant.objects.count() == 1


def test_a_model_is_trained_on_shared_data_in_ones_own_project(
    staff: Callable[..., Client], version: DatasetVersion, other_project: Project
) -> None:
    share(version.dataset, other_project.pk, GrantLevel.TRAIN)
    guest = staff(Role.EDITOR, other_project)
    assert "demo / people v1" in guest.get("/admin/training/trainingrun/add/").content.decode()
    answer = guest.post(
        "/admin/training/trainingrun/add/",
        {
            "dataset_version": version.pk,
            "target": "income",
            "model": "m",
            "task": "regression",
            "estimator": "ridge",
            "params": "{}",
            "seed": 1,
        },
    )
    assert answer.status_code == 302, answer.content
    run = version.runs.get()
    assert run.experiment.project == other_project
    assert [(tag.key, tag.value) for tag in run.tags.all()] == [("dataset.owner", "demo")]
