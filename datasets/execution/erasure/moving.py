"""The one place in which the status of an erasure changes."""

from __future__ import annotations

from typing import Any

from accounts import audit
from accounts.principals import Principal
from core.clock import now
from datasets.models import ErasureRequest, ErasureStatus
from datasets.models.erasure import FINAL_ERASURE_STATUSES


def move_erasure(
    *, principal: Principal, request: ErasureRequest, to: ErasureStatus, **values: Any
) -> ErasureRequest:
    """Move an erasure and write the event; call it inside a transaction.

    With a final status the sealed key is wiped.

    Raises
    ------
    IllegalErasureMove
        The present status does not allow it.
    """
    locked = ErasureRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    locked.check_move(to)
    old, locked.status = locked.status, to
    for name, value in values.items():
        setattr(locked, name, value)
    if to in FINAL_ERASURE_STATUSES:
        locked.subject_sealed = ""
        locked.ended_at = now()
    locked.save()
    audit.record(
        principal=principal,
        action=f"erasure.{to.value}",
        target=locked,
        summary=str(locked),
        changes={"status": [old, to.value], "subject_hash": locked.subject_hash},
    )
    return locked
