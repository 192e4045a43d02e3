"""The gates of a model: added, changed, removed. Results that were recorded stay as they are."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import FieldError, NotFound
from models_registry.errors import GateExists, GateRefused
from models_registry.locking import lock_model
from models_registry.models import Gate, RegisteredModel
from models_registry.recording import spec_of
from models_registry.selectors import known_metrics

_CONDITION = ("kind", "metric", "comparison", "threshold", "required", "enabled")


@transaction.atomic
def add_gate(
    *,
    principal: Principal,
    model: RegisteredModel,
    kind: str,
    metric: str = "",
    comparison: str = Gate.Comparison.AT_LEAST,
    threshold: float = 0.0,
    required: bool = True,
    enabled: bool = True,
) -> Gate:
    """Add a gate to a model; it counts from the next evaluation on.

    Raises
    ------
    GateRefused
        The condition makes no sense, or names a metric that the model's task does not have.
    GateExists
        The model has a gate for this condition already.
    """
    principal.require(Permission.EDIT)
    gate = Gate(
        model=lock_model(principal, model.pk),
        kind=kind,
        metric=metric,
        comparison=comparison,
        threshold=threshold,
        required=required,
        enabled=enabled,
    )
    _store(gate)
    audit.record(
        principal=principal,
        action="gate.added",
        target=gate,
        summary=f"{gate.model.name}: {spec_of(gate).name}",
        changes={name: [None, value] for name, value in _values(gate).items()},
    )
    return gate


@transaction.atomic
def change_gate(
    *,
    principal: Principal,
    gate: Gate,
    metric: str | None = None,
    comparison: str | None = None,
    threshold: float | None = None,
    required: bool | None = None,
    enabled: bool | None = None,
) -> Gate:
    """Change a gate; None keeps what is. Its kind stays.

    Raises
    ------
    GateRefused, GateExists
        As for :func:`add_gate`.
    """
    principal.require(Permission.EDIT)
    locked = _lock(principal, gate)
    before = _values(locked)
    wanted = {
        "metric": metric,
        "comparison": comparison,
        "threshold": threshold,
        "required": required,
        "enabled": enabled,
    }
    for name, value in wanted.items():
        if value is not None:
            setattr(locked, name, value)
    after = _values(locked)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if changes:
        _store(locked)
        audit.record(
            principal=principal,
            action="gate.changed",
            target=locked,
            summary=f"{locked.model.name}: {spec_of(locked).name}",
            changes=changes,
        )
    return locked


@transaction.atomic
def remove_gate(*, principal: Principal, gate: Gate) -> None:
    """Remove a gate; what it said about versions stays."""
    principal.require(Permission.EDIT)
    locked = _lock(principal, gate)
    audit.record(
        principal=principal,
        action="gate.removed",
        target=locked,
        summary=f"{locked.model.name}: {spec_of(locked).name}",
        changes={name: [value, None] for name, value in _values(locked).items()},
    )
    locked.delete()


def check_condition(gate: Gate) -> None:
    """Refuse a condition that makes no sense for its model.

    Raises
    ------
    GateRefused
        With one complaint for each field that is to blame.
    """
    complaints = [FieldError(item.field, item.message) for item in spec_of(gate).problems()]
    if gate.metric and not complaints:
        known = known_metrics(gate.model)
        if gate.metric not in known:
            complaints.append(
                FieldError(
                    "metric",
                    f"The model has no metric '{gate.metric}'; choose one of {', '.join(known)}.",
                )
            )
    if complaints:
        raise GateRefused(complaints[0].message, errors=complaints)


def _lock(principal: Principal, gate: Gate) -> Gate:
    model = lock_model(principal, gate.model_id)
    locked = Gate.objects.select_for_update().filter(pk=gate.pk, model=model).first()
    if locked is None:
        raise NotFound("There is no such gate.")
    locked.model = model
    return locked


def _store(gate: Gate) -> None:
    check_condition(gate)
    try:
        with transaction.atomic():
            gate.save()
    except IntegrityError:
        raise GateExists(
            "The model has a gate for this metric and direction already.", field="metric"
        ) from None


def _values(gate: Gate) -> dict[str, object]:
    return {name: getattr(gate, name) for name in _CONDITION}
