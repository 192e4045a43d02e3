"""The model registry in the admin: read, promoted, approved, and never a page that fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Project, Role
from accounts.principals import Principal
from jobs.models import Job
from models_registry import services
from models_registry.admin import ModelVersionAdmin
from models_registry.models import (
    Alias,
    ApprovalRequest,
    Gate,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.selectors import champion_of
from models_registry.version_report import gate_line, headline_metric, report_of
from tests.models_registry.conftest import MakeVersion

EVIL = "<img src=x onerror=alert(1)>"
Staff = Callable[..., Client]


@pytest.fixture
def staff(make_user: Callable[..., User]) -> Staff:
    """Return a function that signs a member in to the admin."""

    def sign_in(role: Role, in_project: Project | None = None) -> Client:
        member = make_user(role, in_project=in_project)
        member.is_staff = True
        member.save()
        client = Client()
        client.force_login(member)
        return client

    return sign_in


def address(name: str, *args: object) -> str:
    return reverse(f"admin:models_registry_{name}", args=args)


def page(client: Client, name: str, *args: object) -> str:
    answer = client.get(address(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, name: str, row: Any, **fields: str) -> str:
    """Answer an action's question, and return the page that follows."""
    answer = client.post(address(name, row.pk), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def buttons(client: Client, name: str, row: Any) -> set[str]:
    """Return the actions that a page offers."""
    start = address(f"{name}_change", row.pk).removesuffix("change/")
    html = page(client, f"{name}_change", row.pk)
    found = set(re.findall(rf'href="{re.escape(start)}([a-z-]+)/', html))
    return found - {"history", "change", "delete"}


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


def test_approval_takes_two_people(
    staff: Staff, make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    services.update_model(principal=principal, model=version.model, requires_approval=True)
    author, second = staff(Role.DEPLOYER), staff(Role.DEPLOYER)
    assert "Waits for approval" in page(author, "modelversion_change", version.pk)
    assert "promote" not in buttons(author, "modelversion", version)
    press(author, "modelversion_ask_for_approval", version, comment="please look")
    request = ApprovalRequest.objects.get()
    assert buttons(author, "approvalrequest", request) == {"withdraw"}
    assert buttons(second, "approvalrequest", request) == {"approve", "reject"}
    assert buttons(staff(Role.EDITOR), "approvalrequest", request) == set()
    own = author.post(address("approvalrequest_approve", request.pk), {"comment": "me"})
    assert "You asked for this approval yourself" in own.content.decode()
    assert "please look" in page(second, "approvalrequest_approve", request.pk)
    assert "approved" in press(second, "approvalrequest_approve", request, comment="fine")
    assert "promote" in buttons(author, "modelversion", version)
    assert buttons(second, "approvalrequest", request) == set()
    late = second.post(address("approvalrequest_reject", request.pk), {})
    assert "approved already" in late.content.decode()
    assert "please look" in page(author, "approvalrequest_changelist")


def test_a_request_is_rejected_or_withdrawn(
    staff: Staff, make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version()
    request = services.request_approval(principal=principal, version=version)
    assert "rejected" in press(staff(Role.DEPLOYER), "approvalrequest_reject", request)
    client = staff(Role.EDITOR)
    press(client, "modelversion_ask_for_approval", version, comment="again")
    again = ApprovalRequest.objects.get(status="open")
    assert "withdrawn" in press(client, "approvalrequest_withdraw", again)


# --- gates on the page of their model


def gates_form(model: RegisteredModel, **changes: str) -> dict[str, str]:
    """Return the fields of a model's page as a browser would send them."""
    gates = list(model.gates.order_by("id"))
    fields = {
        "description": model.description,
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
        "alias_moves-TOTAL_FORMS": "0",
        "alias_moves-INITIAL_FORMS": "0",
        "gates-TOTAL_FORMS": str(len(gates)),
        "gates-INITIAL_FORMS": str(len(gates)),
    }
    if model.requires_approval:
        fields["requires_approval"] = "on"
    for index, gate in enumerate(gates):
        fields |= {
            f"gates-{index}-id": str(gate.pk),
            f"gates-{index}-model": str(model.pk),
            f"gates-{index}-kind": gate.kind,
            f"gates-{index}-metric": gate.metric,
            f"gates-{index}-comparison": gate.comparison,
            f"gates-{index}-threshold": repr(gate.threshold),
            f"gates-{index}-required": "on",
            f"gates-{index}-enabled": "on",
        }
    return {**fields, **changes}


def test_gates_are_edited_on_the_page_of_their_model(
    staff: Staff, make_version: MakeVersion, model: RegisteredModel
) -> None:
    make_version()
    client = staff(Role.EDITOR)
    where = address("registeredmodel_change", model.pk)
    fields = gates_form(
        model,
        **{
            "description": "who leaves",
            "gates-TOTAL_FORMS": "5",
            "gates-1-threshold": "0.75",
            "gates-3-DELETE": "on",
            "gates-4-model": str(model.pk),
            "gates-4-kind": "metric",
            "gates-4-metric": "f1",
            "gates-4-comparison": "gte",
            "gates-4-threshold": "0.4",
            "gates-4-enabled": "on",
        },
    )
    answer = client.post(where, fields, follow=True)
    assert "changed successfully" in answer.content.decode()
    model.refresh_from_db()
    assert model.description == "who leaves"
    assert model.gates.get(metric="roc_auc").threshold == 0.75
    assert not model.gates.filter(kind="serialization").exists()
    added = model.gates.get(metric="f1")
    assert (added.threshold, added.required, added.enabled) == (0.4, False, True)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("metric", "r2", "Select a valid choice|has no metric"),
        ("metric", "", "needs the name of a metric"),
        ("threshold", "nan", "Enter a number"),
        ("threshold", "inf", "Enter a number"),
        ("comparison", "eq", "Select a valid choice"),
    ],
)
def test_a_gate_without_sense_is_refused_beside_its_field(
    field: str,
    value: str,
    complaint: str,
    staff: Staff,
    make_version: MakeVersion,
    model: RegisteredModel,
) -> None:
    make_version()
    fields = gates_form(model, **{f"gates-1-{field}": value})
    answer = staff(Role.EDITOR).post(address("registeredmodel_change", model.pk), fields)
    assert answer.status_code == 200
    assert re.search(complaint, answer.content.decode())
    assert Gate.objects.get(metric="roc_auc").threshold == 0.6


def test_the_kind_of_a_gate_stays(staff: Staff, model: RegisteredModel) -> None:
    fields = gates_form(model, **{"gates-1-kind": "baseline"})
    staff(Role.EDITOR).post(address("registeredmodel_change", model.pk), fields)
    assert Gate.objects.get(metric="roc_auc").kind == Gate.Kind.METRIC


def test_two_gates_of_one_condition_are_refused_with_a_message(
    staff: Staff, make_version: MakeVersion, model: RegisteredModel
) -> None:
    make_version()
    fields = gates_form(model, **{"gates-TOTAL_FORMS": "5"})
    fields |= {
        f"gates-4-{name}": value
        for name, value in {
            "model": str(model.pk),
            "kind": "metric",
            "metric": "roc_auc",
            "comparison": "gte",
            "threshold": "0.9",
        }.items()
    }
    answer = staff(Role.EDITOR).post(
        address("registeredmodel_change", model.pk), fields, follow=True
    )
    assert answer.status_code == 200
    assert Gate.objects.filter(metric="roc_auc").count() == 1


def test_viewers_read_and_administrators_make_the_rule(
    staff: Staff, model: RegisteredModel
) -> None:
    where = address("registeredmodel_change", model.pk)
    on = gates_form(model, requires_approval="on")
    assert staff(Role.VIEWER).post(where, on).status_code == 403
    staff(Role.EDITOR).post(where, on)
    model.refresh_from_db()
    assert not model.requires_approval
    staff(Role.ADMIN).post(where, on)
    assert RegisteredModel.objects.get(requires_approval=True) == model
    html = page(staff(Role.VIEWER), "registeredmodel_change", model.pk)
    assert "gates-0-threshold" not in html


# --- all pages


def test_all_pages_open_and_names_are_escaped(
    staff: Staff, make_version: MakeVersion, principal: Principal
) -> None:
    one, two = make_version(), make_version(estimator=EVIL)
    RegisteredModel.objects.update(name=EVIL, description=EVIL)
    for version in (one, two):
        services.promote(principal=principal, version=version, reason=EVIL)
    request = services.request_approval(principal=principal, version=one, comment=EVIL)
    client = staff(Role.ADMIN)
    pages = [
        page(client, f"{name}_changelist")
        for name in (
            "registeredmodel",
            "modelversion",
            "approvalrequest",
            "alias",
            "aliasmove",
            "gateresult",
        )
    ]
    pages += [
        page(client, "registeredmodel_change", one.model_id),
        page(client, "modelversion_change", two.pk),
        page(client, "approvalrequest_change", request.pk),
        page(client, "approvalrequest_approve", request.pk),
        page(client, "alias_change", Alias.objects.all()[0].pk),
        page(client, "aliasmove_change", one.alias_moves.all()[0].pk),
        page(client, "gateresult_change", one.gate_results.all()[0].pk),
    ]
    assert all(EVIL not in html for html in pages)


def test_another_projects_rows_are_not_shown(
    staff: Staff, make_version: MakeVersion, principal: Principal, other_project: Project
) -> None:
    version = make_version()
    services.promote(principal=principal, version=version)
    request = services.request_approval(principal=principal, version=version)
    client = staff(Role.ADMIN, other_project)
    for name, row in (
        ("registeredmodel", version.model),
        ("modelversion", version),
        ("approvalrequest", request),
        ("alias", Alias.objects.get()),
        ("gateresult", version.gate_results.all()[0]),
    ):
        assert "churn" not in page(client, f"{name}_changelist")
        assert client.get(address(f"{name}_change", row.pk)).status_code in (302, 403, 404)
    for name, row in (
        ("modelversion_promote", version),
        ("modelversion_evaluate", version),
        ("approvalrequest_approve", request),
        ("registeredmodel_roll_back", version.model),
    ):
        assert client.post(address(name, row.pk), {}).status_code in (403, 404)
    assert client.get(address("modelversion_change", 10**9)).status_code in (302, 404)


@pytest.mark.parametrize("name", ["registeredmodel", "modelversion", "approvalrequest"])
def test_lists_take_as_many_queries_for_many_rows_as_for_few(
    name: str, staff: Staff, make_version: MakeVersion, principal: Principal
) -> None:
    def one_more(number: int) -> None:
        model = services.get_or_create_model(
            principal=principal, name=f"m{number}", task="classification"
        )
        for _ in range(2):
            version = make_version(of=model)
            services.promote(principal=principal, version=version)
            services.request_approval(principal=principal, version=version)

    client = staff(Role.ADMIN)
    counts = []
    for number in (0, 1):
        one_more(number)
        with CaptureQueriesContext(connection) as captured:
            page(client, f"{name}_changelist")
        counts.append(len(captured))
    assert counts[0] == counts[1]


# --- the report behind a version's page


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
