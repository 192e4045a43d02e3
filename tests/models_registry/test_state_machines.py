"""State machines: every pair of states, by the mapping that the docs show."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from models_registry import services
from models_registry.errors import IllegalApprovalMove, IllegalVersionMove
from models_registry.models import (
    NEXT_APPROVAL_STATUSES,
    NEXT_STATUSES,
    NEXT_VALIDATIONS,
    Alias,
    ApprovalRequest,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.recording import move_validation
from models_registry.services.approvals import expire_approvals
from tests.models_registry.conftest import MakeVersion

Status = ApprovalRequest.Status


def test_every_state_is_in_its_mapping() -> None:
    assert set(NEXT_STATUSES) == set(VersionStatus)
    assert set(NEXT_VALIDATIONS) == set(Validation)
    assert set(NEXT_APPROVAL_STATUSES) == set(Status)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(VersionStatus, VersionStatus)))
def test_a_version_moves_as_the_mapping_says(
    old: VersionStatus, new: VersionStatus, bare_version: ModelVersion, principal: Principal
) -> None:
    version = bare_version
    ModelVersion.objects.filter(pk=version.pk).update(status=old)
    AuditEvent.objects.all().delete()
    if new in NEXT_STATUSES[old]:
        services.move_version(principal=principal, version=version, to=new, reason="why")
        (event,) = AuditEvent.objects.all()
        assert (event.action, event.summary) == (f"model_version.{new.value}", "why")
        assert event.changes == {"status": [old.value, new.value]}
    else:
        with pytest.raises(IllegalVersionMove):
            services.move_version(principal=principal, version=version, to=new)
        assert not AuditEvent.objects.exists()
    version.refresh_from_db()
    assert version.status == (new if new in NEXT_STATUSES[old] else old)


@pytest.mark.parametrize("old", list(VersionStatus))
def test_release_is_for_quarantined_versions_only(
    old: VersionStatus, bare_version: ModelVersion, principal: Principal
) -> None:
    version = bare_version
    ModelVersion.objects.filter(pk=version.pk).update(status=old)
    if old == VersionStatus.QUARANTINED:
        released = services.release(principal=principal, version=version)
        assert released.status == VersionStatus.READY
        return
    with pytest.raises(IllegalVersionMove):
        services.release(principal=principal, version=version)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Validation, Validation)))
def test_a_validation_moves_as_the_mapping_says(
    old: Validation, new: Validation, bare_version: ModelVersion
) -> None:
    version = bare_version
    version.validation = old
    version.save()
    if new in NEXT_VALIDATIONS[old]:
        move_validation(version, new)
        version.refresh_from_db()
        assert version.validation == new
        return
    with pytest.raises(IllegalVersionMove):
        move_validation(version, new)
    version.refresh_from_db()
    assert version.validation == old


def test_no_mapping_lets_a_failed_version_pass_but_an_evaluation_or_a_waiver() -> None:
    to_waived = {old for old, onward in NEXT_VALIDATIONS.items() if Validation.WAIVED in onward}
    assert to_waived == {Validation.FAILED, Validation.INCOMPLETE}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(Status, Status)))
def test_an_approval_moves_as_the_mapping_says(
    old: Status,
    new: Status,
    bare_version: ModelVersion,
    principal: Principal,
    principal_as: Callable[[Role], Principal],
) -> None:
    request = services.request_approval(principal=principal, version=bare_version)
    ApprovalRequest.objects.filter(pk=request.pk).update(status=old)
    second = principal_as(Role.DEPLOYER)
    moves: dict[Status, Callable[[], object]] = {
        Status.APPROVED: lambda: services.decide_approval(
            principal=second, request=request, approve=True
        ),
        Status.REJECTED: lambda: services.decide_approval(
            principal=second, request=request, approve=False
        ),
        Status.WITHDRAWN: lambda: services.withdraw_approval(principal=principal, request=request),
    }
    if new is Status.OPEN:
        assert all(Status.OPEN not in onward for onward in NEXT_APPROVAL_STATUSES.values())
        return
    if new is Status.EXPIRED:
        with transaction.atomic():
            expire_approvals(principal=principal, version=request.version, reason="gone")
    elif new in NEXT_APPROVAL_STATUSES[old]:
        moves[new]()
    else:
        with pytest.raises(IllegalApprovalMove):
            moves[new]()
    request.refresh_from_db()
    assert request.status == (new if new in NEXT_APPROVAL_STATUSES[old] else old)


def test_the_database_guards_names_numbers_and_open_requests(
    make_version: MakeVersion, model: RegisteredModel, principal: Principal
) -> None:
    version = make_version()
    request = services.request_approval(principal=principal, version=version)
    Alias.objects.create(model=model, name="a", version=version)
    attempts: list[Callable[[], object]] = [
        lambda: RegisteredModel.objects.create(project=model.project, name=model.name),
        lambda: ModelVersion.objects.create(
            model=model, number=version.number, artifact_digest="0" * 64
        ),
        lambda: ModelVersion.objects.create(model=model, number=99, artifact_digest=""),
        lambda: Alias.objects.create(model=model, name="a", version=version),
        lambda: ApprovalRequest.objects.create(
            version=version, artifact_digest="0" * 64, requested_by=request.requested_by
        ),
    ]
    for attempt in attempts:
        with pytest.raises(IntegrityError), transaction.atomic():
            attempt()


def test_versions_are_numbered_from_one_for_each_model(
    make_version: MakeVersion, principal: Principal
) -> None:
    other = services.get_or_create_model(principal=principal, name="other", task="regression")
    assert [make_version().number, make_version().number, make_version(of=other).number] == [
        1,
        2,
        1,
    ]
    assert other.gates.count() == 4
    same = services.get_or_create_model(principal=principal, name="other", task="classification")
    assert (same, same.gates.count()) == (other, 4)
