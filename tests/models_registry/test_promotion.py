"""Promotion: the one act that puts a model into production, and its way back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from accounts.errors import PermissionMissing
from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal, system_principal
from accounts.selectors import principal_of_user
from core.errors import Conflict, Forbidden, Invalid, NotFound
from models_registry import services
from models_registry.errors import (
    AliasMoved,
    AliasNameRefused,
    ApprovalNeeded,
    IllegalApprovalMove,
    IllegalVersionMove,
    NothingToRollBackTo,
    SecondPersonNeeded,
    VersionInUse,
    VersionNotReady,
    VersionNotValidated,
)
from models_registry.models import (
    Alias,
    AliasMove,
    ApprovalRequest,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.selectors import champion_of, lineage_of
from tests.models_registry.conftest import MakeVersion


def aliases(model: RegisteredModel) -> dict[str, int]:
    return {alias.name: alias.version.number for alias in Alias.objects.filter(model=model)}


def test_promotion_keeps_the_previous_champion(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    one, two, three = make_version(), make_version(), make_version()
    services.promote(principal=principal, version=one, reason="first")
    assert aliases(model) == {"champion": 1}
    services.promote(principal=principal, version=two)
    assert aliases(model) == {"champion": 2, "previous": 1}
    services.promote(principal=principal, version=three)
    assert aliases(model) == {"champion": 3, "previous": 2}
    assert champion_of(model) == three
    moves = AliasMove.objects.filter(model=model, name="champion").order_by("pk")
    assert [(move.from_version, move.to_version) for move in moves] == [
        (None, one),
        (one, two),
        (two, three),
    ]
    assert {move.moved_by_name for move in moves} == {principal.username}
    event = AuditEvent.objects.filter(action="model_version.promoted").first()
    assert event is not None
    assert AuditEvent.objects.filter(action="model_version.promoted").count() == 3


def test_promoting_the_champion_again_moves_nothing(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    version = make_version()
    first = services.promote(principal=principal, version=version)
    again = services.promote(principal=principal, version=version)
    assert first.pk == again.pk
    assert AliasMove.objects.count() == 1
    assert aliases(model) == {"champion": 1}


def test_a_second_rollback_returns_to_the_first(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    for version in (make_version(), make_version()):
        services.promote(principal=principal, version=version)
    services.rollback(principal=principal, model=model, reason="it answers nonsense")
    assert aliases(model) == {"champion": 1, "previous": 2}
    services.rollback(principal=principal, model=model)
    assert aliases(model) == {"champion": 2, "previous": 1}
    assert AliasMove.objects.filter(reason="it answers nonsense").exists()


def test_there_must_be_something_to_roll_back_to(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    with pytest.raises(NothingToRollBackTo):
        services.rollback(principal=principal, model=model)
    services.promote(principal=principal, version=make_version())
    with pytest.raises(NothingToRollBackTo):
        services.rollback(principal=principal, model=model)


def test_nobody_rolls_back_to_a_version_that_was_taken_away(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    one, two = make_version(), make_version()
    services.promote(principal=principal, version=one)
    services.promote(principal=principal, version=two)
    services.quarantine(principal=principal, version=one, reason="bad rows")
    with pytest.raises(VersionNotReady):
        services.rollback(principal=principal, model=model)
    assert aliases(model) == {"champion": 2, "previous": 1}
    services.release(principal=principal, version=one, reason="they were fine")
    services.rollback(principal=principal, model=model)
    assert aliases(model)["champion"] == 1


def test_a_failed_gate_blocks_promotion_and_is_named(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    with pytest.raises(VersionNotValidated, match=r"roc_auc is 0\.5") as refused:
        services.promote(principal=principal, version=version)
    (gate,) = refused.value.details["gates"]
    assert (gate["name"], gate["value"], gate["threshold"]) == ("roc_auc ≥ 0.6", 0.5, 0.6)
    assert aliases(model) == {}
    assert services.promote(principal=principal, version=version, alias="challenger")


@pytest.mark.parametrize("validation", list(Validation))
@pytest.mark.parametrize("status", list(VersionStatus))
def test_only_ready_and_validated_versions_become_champion(
    status: VersionStatus, validation: Validation, bare_version: ModelVersion, principal: Principal
) -> None:
    version = bare_version
    ModelVersion.objects.filter(pk=version.pk).update(status=status, validation=validation)
    if status == VersionStatus.READY and validation in (Validation.PASSED, Validation.WAIVED):
        assert services.promote(principal=principal, version=version).version == version
        return
    with pytest.raises((VersionNotReady, VersionNotValidated)):
        services.promote(principal=principal, version=version)
    assert not Alias.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "latest",
        "LATEST",
        "previous",
        "v1",
        "V12",
        "a b",
        "-a",
        "a/b",
        "Champion",
        "x" * 101,
        "a\n",
    ],
)
def test_reserved_and_malformed_aliases_are_refused(
    name: str, bare_version: ModelVersion, principal: Principal
) -> None:
    with pytest.raises(AliasNameRefused) as refused:
        services.promote(principal=principal, version=bare_version, alias=name)
    assert refused.value.field == "alias"


def test_an_alias_moves_only_from_where_the_caller_saw_it(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    """Two callers saw version 1 as champion; the slower one is told instead of overruling."""
    one, two, three = make_version(), make_version(), make_version()
    with pytest.raises(AliasMoved, match="nothing"):
        services.promote(principal=principal, version=two, expected_version=one.pk)
    services.promote(principal=principal, version=one)
    services.promote(principal=principal, version=two, expected_version=one.pk)
    with pytest.raises(AliasMoved, match="version 2"):
        services.promote(principal=principal, version=three, expected_version=one.pk)
    assert aliases(model) == {"champion": 2, "previous": 1}


def test_aliases_of_other_names_come_and_go(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    version = make_version()
    services.promote(principal=principal, version=version, alias="shadow-2.x")
    with pytest.raises(VersionInUse):
        services.retire(principal=principal, version=version)
    services.remove_alias(principal=principal, model=model, name="shadow-2.x")
    last = AliasMove.objects.first()
    assert last is not None
    assert (last.name, last.from_version, last.to_version) == ("shadow-2.x", version, None)
    assert services.retire(principal=principal, version=version).status == VersionStatus.RETIRED
    with pytest.raises(NotFound):
        services.remove_alias(principal=principal, model=model, name="shadow-2.x")
    for name in ("champion", "previous"):
        with pytest.raises(AliasNameRefused):
            services.remove_alias(principal=principal, model=model, name=name)


def test_who_may_not_deploy_moves_no_alias(
    make_version: MakeVersion, model: RegisteredModel, principal_as: Callable[[Role], Principal]
) -> None:
    version, editor = make_version(), principal_as(Role.EDITOR)
    for attempt in (
        lambda: services.promote(principal=editor, version=version),
        lambda: services.rollback(principal=editor, model=model),
        lambda: services.remove_alias(principal=editor, model=model, name="a"),
        lambda: services.quarantine(principal=editor, version=version, reason="r"),
        lambda: services.release(principal=editor, version=version),
        lambda: services.retire(principal=editor, version=version),
        lambda: services.waive(principal=principal_as(Role.DEPLOYER), version=version, reason="r"),
        lambda: services.request_evaluation(principal=principal_as(Role.VIEWER), version=version),
        lambda: services.update_model(principal=editor, model=model, requires_approval=True),
    ):
        with pytest.raises(PermissionMissing):
            attempt()


def test_another_projects_model_is_not_found(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal, outsider: Principal
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    request = services.request_approval(principal=principal, version=version)
    for attempt in (
        lambda: services.promote(principal=outsider, version=version, alias="a"),
        lambda: services.rollback(principal=outsider, model=model),
        lambda: services.remove_alias(principal=outsider, model=model, name="a"),
        lambda: services.quarantine(principal=outsider, version=version, reason="r"),
        lambda: services.release(principal=outsider, version=version),
        lambda: services.retire(principal=outsider, version=version),
        lambda: services.waive(principal=outsider, version=version, reason="r"),
        lambda: services.request_evaluation(principal=outsider, version=version),
        lambda: services.update_model(principal=outsider, model=model, description="mine"),
        lambda: services.request_approval(principal=outsider, version=version),
        lambda: services.decide_approval(principal=outsider, request=request, approve=True),
        lambda: services.withdraw_approval(principal=outsider, request=request),
        lambda: services.move_version(
            principal=outsider, version=version, to=VersionStatus.RETIRED
        ),
        lambda: make_version(of=RegisteredModel(pk=model.pk + 100)),
    ):
        with pytest.raises(NotFound):
            attempt()
    version.refresh_from_db()
    assert (version.status, version.validation) == (VersionStatus.READY, Validation.FAILED)


# --- approvals


@pytest.fixture
def guarded(model: RegisteredModel, principal: Principal) -> RegisteredModel:
    """The model, with the rule that a second person approves."""
    return services.update_model(principal=principal, model=model, requires_approval=True)


def test_promotion_waits_for_a_second_person(
    guarded: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    version, second = make_version(), principal_as(Role.DEPLOYER)
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=version)
    request = services.request_approval(principal=principal, version=version, comment="please")
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=version)
    with pytest.raises(SecondPersonNeeded):
        services.decide_approval(principal=principal, request=request, approve=True)
    decided = services.decide_approval(
        principal=second, request=request, approve=True, comment="looks good"
    )
    assert (decided.comment, decided.decision_comment) == ("please", "looks good")
    assert decided.decided_by_id == second.user_id
    services.promote(principal=principal, version=version)
    assert aliases(guarded) == {"champion": 1}


def test_a_rejection_is_no_approval_and_one_may_ask_again(
    guarded: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    version, second = make_version(), principal_as(Role.DEPLOYER)
    request = services.request_approval(principal=principal, version=version)
    services.decide_approval(principal=second, request=request, approve=False)
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=version)
    again = services.request_approval(principal=principal, version=version)
    services.decide_approval(principal=second, request=again, approve=True)
    with pytest.raises(Conflict, match="approved already"):
        services.request_approval(principal=principal, version=version)


def test_an_approval_is_bound_to_the_artifact(
    guarded: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    version = make_version()
    request = services.request_approval(principal=principal, version=version)
    services.decide_approval(principal=principal_as(Role.DEPLOYER), request=request, approve=True)
    ModelVersion.objects.filter(pk=version.pk).update(artifact_digest="0" * 64)
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=version)


def test_an_approval_of_one_version_is_none_of_another(
    guarded: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    one, two = make_version(), make_version(seed=6)
    assert one.artifact_digest == two.artifact_digest
    request = services.request_approval(principal=principal, version=one)
    services.decide_approval(principal=principal_as(Role.DEPLOYER), request=request, approve=True)
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=two)


def test_approvals_lapse_when_the_version_is_taken_away(
    guarded: RegisteredModel,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    version, second = make_version(), principal_as(Role.DEPLOYER)
    request = services.request_approval(principal=principal, version=version)
    services.decide_approval(principal=second, request=request, approve=True)
    services.quarantine(principal=principal, version=version, reason="a doubt")
    services.release(principal=principal, version=version)
    request.refresh_from_db()
    assert (request.status, request.decided_by_id) == ("expired", second.user_id)
    with pytest.raises(ApprovalNeeded):
        services.promote(principal=principal, version=version)
    again = services.request_approval(principal=principal, version=version)
    services.retire(principal=principal, version=version)
    again.refresh_from_db()
    assert again.status == ApprovalRequest.Status.EXPIRED
    with pytest.raises(VersionNotReady):
        services.request_approval(principal=principal, version=version)


def test_one_request_is_open_at_a_time_and_its_author_withdraws_it(
    make_version: MakeVersion, principal: Principal, principal_as: Callable[[Role], Principal]
) -> None:
    version, second = make_version(), principal_as(Role.ADMIN)
    request = services.request_approval(principal=principal, version=version)
    with pytest.raises(Conflict, match="asked for already"):
        services.request_approval(principal=second, version=version)
    with pytest.raises(Forbidden):
        services.withdraw_approval(principal=second, request=request)
    services.withdraw_approval(principal=principal, request=request)
    assert services.request_approval(principal=second, version=version).status == "open"


def test_the_system_neither_asks_nor_decides(
    make_version: MakeVersion, principal: Principal, project: Project
) -> None:
    version, system = make_version(), system_principal(project)
    with pytest.raises(Forbidden):
        services.request_approval(principal=system, version=version)
    request = services.request_approval(principal=principal, version=version)
    with pytest.raises(SecondPersonNeeded):
        services.decide_approval(principal=system, request=request, approve=True)


def test_the_rule_is_lifted_by_an_administrator_only(
    guarded: RegisteredModel, principal: Principal, make_user: Callable[..., User]
) -> None:
    deployer = principal_of_user(make_user(Role.DEPLOYER))
    with pytest.raises(PermissionMissing):
        services.update_model(principal=deployer, model=guarded, requires_approval=False)
    described = services.update_model(principal=deployer, model=guarded, description="for churn")
    assert (described.description, described.requires_approval) == ("for churn", True)
    lifted = services.update_model(principal=principal, model=guarded, requires_approval=False)
    assert not lifted.requires_approval
    changes = AuditEvent.objects.filter(action="model.changed").order_by("pk").last()
    assert changes is not None
    assert changes.changes == {"requires_approval": [True, False]}


# --- waivers


def test_a_waiver_needs_a_reason_and_lets_the_version_through(
    make_version: MakeVersion, principal: Principal
) -> None:
    version = make_version(metrics={"roc_auc": 0.5})
    with pytest.raises(Invalid):
        services.waive(principal=principal, version=version, reason="  ")
    waived = services.waive(principal=principal, version=version, reason="measured by hand")
    assert waived.validation == Validation.WAIVED
    event = AuditEvent.objects.get(action="model_version.waived")
    assert (event.summary, event.changes) == (
        "measured by hand",
        {"validation": ["failed", "waived"]},
    )
    services.promote(principal=principal, version=version)
    with pytest.raises(IllegalVersionMove):
        services.waive(principal=principal, version=make_version(), reason="it passed anyway")


def test_lineage_tells_who_let_a_version_through(
    make_version: MakeVersion, principal: Principal, principal_as: Callable[[Role], Principal]
) -> None:
    version, second = make_version(), principal_as(Role.DEPLOYER)
    request = services.request_approval(principal=principal, version=version)
    services.decide_approval(principal=second, request=request, approve=True)
    services.promote(principal=principal, version=version, reason="better")
    found = lineage_of(version)
    assert found["model_version"]["artifact_sha256"] == version.artifact_digest
    assert (found["run"], found["dataset_version"]) == (None, None)
    assert [gate["passed"] for gate in found["gates"]] == [True] * 4
    (promotion,) = found["promotions"]
    assert (promotion["alias"], promotion["by"], promotion["reason"]) == (
        "champion",
        principal.username,
        "better",
    )
    (approval,) = found["approvals"]
    assert (approval["requested_by"], approval["decided_by"]) == (
        principal.username,
        second.username,
    )


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_decided_once(
    approve: bool,
    make_version: MakeVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    request = services.request_approval(principal=principal, version=make_version())
    second = principal_as(Role.DEPLOYER)
    services.decide_approval(principal=second, request=request, approve=approve)
    for again in (True, False):
        with pytest.raises(IllegalApprovalMove):
            services.decide_approval(principal=second, request=request, approve=again)
    with pytest.raises(IllegalApprovalMove):
        services.withdraw_approval(principal=principal, request=request)
