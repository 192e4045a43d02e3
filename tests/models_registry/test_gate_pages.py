"""Gates are edited on the page of their model."""

from __future__ import annotations

import re

import pytest

from accounts.models import Role
from models_registry.models import Gate, RegisteredModel
from tests.models_registry.admin_pages import Staff, address, page
from tests.models_registry.conftest import MakeVersion


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
