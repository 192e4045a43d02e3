"""Writing the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from accounts.models import AuditEvent
from accounts.principals import Principal


def apply_changes(row: models.Model, wanted: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set what differs on a row, without saving it; return before and after, as :func:`record` takes them."""
    changes: dict[str, list[Any]] = {}
    for name, value in wanted.items():
        before = getattr(row, name)
        if value != before:
            changes[name] = [before, value]
            setattr(row, name, value)
    return changes


def record(
    *,
    principal: Principal,
    action: str,
    target: models.Model,
    summary: str = "",
    changes: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write one audit event; call it inside the transaction that makes the change.

    Parameters
    ----------
    action
        ``noun.verb``, e.g. ``model_version.promoted``.
    changes
        What changed, e.g. ``{"status": ["open", "resolved"]}`` (JSON-compatible).
    """
    return AuditEvent.objects.create(
        project_id=principal.project_id,
        actor_id=principal.user_id,
        actor_name=principal.username,
        token_prefix=principal.token_prefix,
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        summary=summary[:500],
        changes=dict(changes or {}),
    )
