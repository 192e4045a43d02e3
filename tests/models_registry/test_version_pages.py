"""The page of a model version: what it shows, its buttons, and what they do."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from accounts.models import Role
from accounts.principals import Principal
from jobs.models import Job
from models_registry import services
from models_registry.admin import ModelVersionAdmin
from models_registry.models import Alias, ModelVersion, RegisteredModel, Validation, VersionStatus
from models_registry.selectors import champion_of
from models_registry.version_report import gate_line, headline_metric, report_of
from tests.models_registry.admin_pages import Staff, address, buttons, page, press
from tests.models_registry.conftest import MakeVersion


def test_a_version_page_shows_what_it_is_and_why_it_passed(
    staff: Staff, make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version(spec={"target": "answer", "features": ["a", "b"], "params": {"C": 1.0}})
    services.promote(principal=principal, version=version, reason="the first")
    html = page(staff(Role.VIEWER), "modelversion_change", version.pk)
    for text in (
        "Champion",
        "roc_auc ≥ 0.6",
        "log_loss better than naive baseline",
        "Naive baseline",
        "µs for one row",
        "in use",
        "east, north, south, wäst",
        "Answers answer: one of no, yes",
        "the first",
        version.artifact_digest[:12],
        "6 columns",
    ):
        assert text in html, text
    assert f'href="/api/v1/model-versions/{version.pk}/artifact/"' in html


def test_a_failed_version_says_which_gate(staff: Staff, make_version: MakeVersion) -> None:
    html = page(
        staff(Role.VIEWER), "modelversion_change", make_version(metrics={"roc_auc": 0.5}).pk
    )
    assert "Did not pass its gates" in html
    assert "roc_auc ≥ 0.6: roc_auc is 0.5" in html


def test_every_state_has_a_page_and_its_buttons(staff: Staff, make_version: MakeVersion) -> None:
    version = make_version()
    client = staff(Role.ADMIN)
    expected: dict[VersionStatus, set[str]] = {
        VersionStatus.PENDING: set(),
        VersionStatus.FAILED: {"retire"},
        VersionStatus.RETIRED: set(),
        VersionStatus.QUARANTINED: {"evaluate", "release", "retire"},
        VersionStatus.READY: {
            "promote",
            "evaluate",
            "alias",
            "ask-for-approval",
            "quarantine",
            "retire",
            "score-rows",
            "export",
        },
    }
    for status in VersionStatus:
        ModelVersion.objects.filter(pk=version.pk).update(status=status)
        assert buttons(client, "modelversion", version) == expected[status]


def test_buttons_follow_the_validation(make_version: MakeVersion, rf: RequestFactory) -> None:
    version = make_version()
    versions = ModelVersionAdmin(ModelVersion, admin.site)
    for validation in Validation:
        version.validation = validation
        offered = set(versions.offered(rf.get("/"), version))
        assert ("promote" in offered) == (validation in (Validation.PASSED, Validation.WAIVED))
        assert ("waive" in offered) == (validation in (Validation.FAILED, Validation.INCOMPLETE))
        assert ("evaluate" in offered) == (validation != Validation.RUNNING)


def test_buttons_follow_the_role(staff: Staff, make_version: MakeVersion) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    assert buttons(staff(Role.VIEWER), "modelversion", version) == set()
    assert buttons(staff(Role.EDITOR), "modelversion", version) == {
        "evaluate",
        "ask-for-approval",
        "score-rows",
        "export",
    }
    assert "waive" not in buttons(staff(Role.DEPLOYER), "modelversion", version)
    for name in ("promote", "point_alias", "waive", "quarantine", "release", "retire"):
        where = address(f"modelversion_{name}", version.pk)
        assert staff(Role.EDITOR).post(where, {"reason": "r"}).status_code == 403


def test_promote_and_roll_back(
    staff: Staff, make_version: MakeVersion, model: RegisteredModel
) -> None:
    one, two = make_version(), make_version()
    client = staff(Role.DEPLOYER)
    assert "is champion" in press(client, "modelversion_promote", one, reason="first")
    assert "is champion" in press(client, "modelversion_promote", two)
    assert champion_of(model) == two
    assert "promote" not in buttons(client, "modelversion", two)
    assert buttons(client, "registeredmodel", model) == {"roll-back"}
    assert "Version 1 becomes champion instead of version 2" in page(
        client, "registeredmodel_roll_back", model.pk
    )
    assert "churn v1 is champion again" in press(client, "registeredmodel_roll_back", model)
    assert champion_of(model) == one
    html = page(client, "registeredmodel_change", model.pk)
    assert "rolled back in the admin" in html


def test_a_refusal_is_said_on_the_same_page(
    staff: Staff, make_version: MakeVersion, model: RegisteredModel
) -> None:
    """The state changed between the page and the click."""
    version = make_version()
    client = staff(Role.ADMIN)
    where = address("modelversion_promote", version.pk)
    assert client.get(where).status_code == 200
    ModelVersion.objects.filter(pk=version.pk).update(validation=Validation.FAILED)
    answer = client.post(where, {"reason": "late"})
    assert answer.status_code == 200
    assert "did not pass its gates" in answer.content.decode()
    alias = client.post(address("modelversion_point_alias", version.pk), {"alias": "latest"})
    assert "are reserved" in alias.content.decode()
    empty = client.post(address("modelversion_quarantine", version.pk), {"reason": ""})
    assert "required" in empty.content.decode()
    rolled = client.post(address("registeredmodel_roll_back", model.pk), {})
    assert "one champion only" in rolled.content.decode()
    assert not Alias.objects.exists()


def test_the_other_moves_of_a_version(
    staff: Staff, make_version: MakeVersion, run_all_jobs: Callable[[], list[Job]]
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    client = staff(Role.ADMIN)
    assert "points at" in press(client, "modelversion_point_alias", version, alias="challenger")
    assert "may be promoted" in press(client, "modelversion_waive", version, reason="by hand")
    assert "the job is queued" in press(client, "modelversion_evaluate", version)
    run_all_jobs()
    version.refresh_from_db()
    assert version.validation == Validation.FAILED  # the gates have the last word again
    services.remove_alias(principal=_principal_of(client), model=version.model, name="challenger")
    assert "in quarantine" in press(client, "modelversion_quarantine", version, reason="a doubt")
    assert "ready again" in press(client, "modelversion_release", version, reason="was nothing")
    assert "is retired" in press(client, "modelversion_retire", version)
    version.refresh_from_db()
    assert version.status == VersionStatus.RETIRED


def _principal_of(client: Client) -> Principal:
    from accounts.selectors import principal_of_user

    return principal_of_user(User.objects.get(pk=client.session["_auth_user_id"]))


def test_a_report_is_made_of_whatever_was_recorded(make_version: MakeVersion) -> None:
    version = make_version()
    version.metrics = {"r2": None, "rmse": 2.0, "cv_rmse": 2.5, "cv_rmse_std": 0.5}
    version.baseline_metrics = {"rmse": 3.0}
    version.runtime_report = {}
    version.signature = {}
    report = report_of(version, [], [])
    assert [(line.name, line.is_better) for line in report.scores] == [("r2", None), ("rmse", True)]
    assert report.scores[1].cross_validated == "2.5 ± 0.5"
    assert (report.runtimes, report.inputs, report.gates) == ((), (), ())
    assert headline_metric(version) == "rmse 2"
    version.metrics = {}
    assert headline_metric(version) == "—"


def test_a_failed_gate_that_is_not_required_warns(make_version: MakeVersion) -> None:
    result = make_version(metrics={"roc_auc": 0.5}).gate_results.get(metric="roc_auc")
    assert gate_line(result).state == "failed"
    result.required = False
    assert gate_line(result).state == "warned"
