"""All pages of the registry: they open, escape names, keep projects apart, and ask few questions."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Project, Role
from accounts.principals import Principal
from models_registry import services
from models_registry.models import Alias, RegisteredModel
from tests.models_registry.admin_pages import Staff, address, page
from tests.models_registry.conftest import MakeVersion

EVIL = "<img src=x onerror=alert(1)>"


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
