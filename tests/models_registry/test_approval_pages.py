"""Approvals in the admin take two people."""

from __future__ import annotations

from accounts.models import Role
from accounts.principals import Principal
from models_registry import services
from models_registry.models import ApprovalRequest
from tests.models_registry.admin_pages import Staff, address, buttons, page, press
from tests.models_registry.conftest import MakeVersion


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
