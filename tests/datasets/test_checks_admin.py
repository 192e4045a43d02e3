"""Checks in the admin: forms for each kind, suggestions to tick, results, and the waiver."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client
from django.urls import reverse

from accounts.models import Project, Role
from accounts.principals import Principal
from datasets import services
from datasets.checking.kinds import KINDS
from datasets.models import DataCheck, Dataset, DatasetVersion, VersionStatus
from jobs.models import Job

EVIL = "<img src=x onerror=alert(1)>"
Ingested = Callable[..., DatasetVersion]
GOOD = (
    f"id,age,town,at\n1,30,Rome,2024-01-01\n2,41,{EVIL},2024-01-02\n3,22,Rome,2024-01-02\n".encode()
)


def test_each_kind_has_a_form_and_a_check_is_made_and_changed(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested
) -> None:
    ingested(GOOD)
    client = staff(Role.EDITOR)
    add = reverse("admin:datasets_datacheck_add")
    assert "Next" in client.get(f"{add}?dataset={dataset.pk}").content.decode()
    for kind in KINDS.values():
        page = client.get(f"{add}?dataset={dataset.pk}&kind={kind.key}").content.decode()
        assert all(f"parameter_{one.name}" in page for one in kind.parameters)
    address = f"{add}?dataset={dataset.pk}&kind=range"
    sent = {"columns": ["age"], "parameter_maximum": "low", "severity": "error"}
    assert "as ISO 8601 was expected" in client.post(address, sent).content.decode()
    sent |= {"parameter_maximum": "120", "is_enabled": "on"}
    assert client.post(address, sent).status_code == 302
    check = DataCheck.objects.get()
    assert (check.columns, check.parameters["maximum"], check.is_enabled) == (["age"], 120, True)
    change = reverse("admin:datasets_datacheck_change", args=[check.pk])
    assert 'value="120"' in client.get(change).content.decode()
    assert client.post(change, {**sent, "parameter_minimum": "0.5"}).status_code == 302
    check.refresh_from_db()
    assert check.parameters["minimum"] == 0.5
    listed = client.get(reverse("admin:datasets_datacheck_changelist")).content.decode()
    assert "Range: age" in listed
    remove = reverse("admin:datasets_datacheck_delete_check", args=[check.pk])
    assert client.get(remove).status_code == 200
    assert DataCheck.objects.exists()
    assert client.post(remove).status_code == 302
    assert not DataCheck.objects.exists()


def test_a_closed_set_is_typed_one_value_a_line(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested
) -> None:
    ingested(GOOD)
    address = f"{reverse('admin:datasets_datacheck_add')}?dataset={dataset.pk}&kind=set"
    sent = {"columns": ["town"], "parameter_values": "Rome\n Oslo \n", "severity": "warning"}
    assert staff(Role.EDITOR).post(address, sent).status_code == 302
    assert DataCheck.objects.get().parameters["values"] == ["Rome", "Oslo"]


def test_an_address_that_was_made_up_is_no_page(staff: Callable[..., Client]) -> None:
    client = staff(Role.ADMIN)
    for name in ("dataset", "datasetversion", "datacheck"):
        for made_up in ("x", "1/checks/2", "99999999999999999999"):
            address = f"/admin/datasets/{name}/{made_up}/change/"
            assert client.get(address).status_code in (302, 404), address


def test_suggestions_become_checks_by_one_click(
    staff: Callable[..., Client], dataset: Dataset, ingested: Ingested
) -> None:
    ingested(GOOD)
    client = staff(Role.EDITOR)
    address = reverse("admin:datasets_dataset_dataset_checks", args=[dataset.pk])
    assert "Suggested by people v1" in client.get(address).content.decode()
    keys = [one.key for one in services.suggestions_for(dataset)[1]]
    assert client.post(address, {"keys": keys}).status_code == 302
    assert DataCheck.objects.count() == len(keys)
    assert "Suggested by" not in client.get(address).content.decode()
    assert client.post(address, {"keys": ["nonsense"]}, follow=True).status_code == 200
    assert DataCheck.objects.count() == len(keys)


def test_a_blocked_version_shows_why_and_is_waived_by_an_administrator(
    staff: Callable[..., Client],
    principal: Principal,
    dataset: Dataset,
    upload: Callable[..., Job],
    run_job: Callable[[Job], Job],
) -> None:
    services.create_check(
        principal=principal,
        dataset=dataset,
        kind="set",
        columns=["town"],
        parameters={"values": ["Rome"]},
        severity="error",
    )
    run_job(upload(GOOD))
    version = dataset.versions.get()
    page = reverse("admin:datasets_datasetversion_change", args=[version.pk])
    waive = reverse("admin:datasets_datasetversion_waive", args=[version.pk])
    shown = staff(Role.EDITOR).get(page).content.decode()
    assert "Checks hold this version back" in shown
    assert EVIL not in shown
    assert "&lt;img src=x" in shown
    assert waive not in shown
    assert staff(Role.DEPLOYER).post(waive, {"reason": "hurry"}).status_code == 403
    administrator = staff(Role.ADMIN)
    assert waive in administrator.get(page).content.decode()
    assert administrator.post(waive, {"reason": ""}).status_code == 200
    assert administrator.post(waive, {"reason": "known towns"}).status_code == 302
    version.refresh_from_db()
    assert version.status == VersionStatus.READY
    assert "known towns" in administrator.get(page).content.decode()
    overview = administrator.get(reverse("admin:datasets_dataset_change", args=[dataset.pk]))
    assert "1 of 1 failed" in overview.content.decode()
    again = reverse("admin:datasets_datasetversion_check_again", args=[version.pk])
    assert administrator.get(again).status_code == 200
    assert administrator.post(again).status_code == 302
    assert Job.objects.filter(kind="check_version").count() == 1


def test_checks_of_another_project_are_not_shown(
    staff: Callable[..., Client], principal: Principal, dataset: Dataset, other_project: Project
) -> None:
    check = services.create_check(principal=principal, dataset=dataset, kind="duplicates")
    stranger = staff(Role.ADMIN, in_project=other_project)
    for name, args in (
        ("datacheck_change", [check.pk]),
        ("datacheck_delete_check", [check.pk]),
        ("dataset_dataset_checks", [dataset.pk]),
    ):
        answer = stranger.get(reverse(f"admin:datasets_{name}", args=args))
        assert answer.status_code in (302, 403, 404)
    add = reverse("admin:datasets_datacheck_add")
    made = stranger.post(f"{add}?dataset={dataset.pk}&kind=duplicates", {"severity": "error"})
    assert made.status_code == 200
    viewer = staff(Role.VIEWER)
    change = reverse("admin:datasets_datacheck_change", args=[check.pk])
    assert "Save" not in viewer.get(change).content.decode().split("</form>")[0][-400:]
    viewer.post(change, {"severity": "error"})
    check.refresh_from_db()
    assert check.severity == "warning"
    assert DataCheck.objects.count() == 1
