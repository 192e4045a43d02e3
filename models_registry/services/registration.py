"""Models and their versions: made, described."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from models_registry.gates import DEFAULT_GATES, GATES_OF_KNOWN_ANOMALIES
from models_registry.locking import lock_model
from models_registry.models import Gate, RegisteredModel


@transaction.atomic
def get_or_create_model(
    *, principal: Principal, name: str, task: str, knows_anomalies: bool = False
) -> RegisteredModel:
    """Return the project's model of this name; a new one gets the default gates of its task.

    Parameters
    ----------
    knows_anomalies
        Whether anomalies are known that versions can be measured on.
    """
    principal.require(Permission.EDIT)
    model, created = RegisteredModel.objects.get_or_create(
        project_id=principal.project_id,
        name=name,
        defaults={"created_by_id": principal.user_id},
    )
    if created:
        Gate.objects.bulk_create(
            Gate(
                model=model,
                kind=spec.kind,
                metric=spec.metric,
                comparison=spec.comparison,
                threshold=spec.threshold,
            )
            for spec in (
                *DEFAULT_GATES[task],
                *(GATES_OF_KNOWN_ANOMALIES if knows_anomalies else ()),
            )
        )
        audit.record(principal=principal, action="model.created", target=model, summary=name)
    return model


@transaction.atomic
def update_model(
    *,
    principal: Principal,
    model: RegisteredModel,
    description: str | None = None,
    requires_approval: bool | None = None,
) -> RegisteredModel:
    """Describe a model, or say whether a second person must approve its promotions; None keeps.

    The second is an administrator's word: who may promote must not be able to lift the rule.
    """
    principal.require(Permission.EDIT)
    locked = lock_model(principal, model.pk)
    changes: dict[str, list[Any]] = {}
    if description is not None and description != locked.description:
        changes["description"] = [locked.description, description]
        locked.description = description
    if requires_approval is not None and requires_approval != locked.requires_approval:
        principal.require(Permission.ADMIN)
        changes["requires_approval"] = [locked.requires_approval, requires_approval]
        locked.requires_approval = requires_approval
    if changes:
        locked.save(update_fields=list(changes))
        audit.record(
            principal=principal,
            action="model.changed",
            target=locked,
            summary=f"{locked.name}: {', '.join(changes)}",
            changes=changes,
        )
    return locked
