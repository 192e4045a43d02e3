"""The key in the audit trail: statements of SQL and filters of downloads that persons typed.

Events are never changed; this is the one exception, and it is an event itself. Of an event that names the key
only the key is replaced: who did what and when stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from accounts import audit
from accounts.models import AuditEvent
from accounts.principals import system_principal
from datasets.erasure import Advice, Finding, Subject
from datasets.models import ErasureRequest


def in_trail(subject: Subject) -> Sequence[Finding]:
    """Return whether events name the key."""
    count = len(_naming(subject))
    if not count:
        return []
    return [
        Finding(
            kind="audit_event",
            label=f"{count} events of the audit trail",
            advice=Advice.ERASED,
            detail="A statement or a filter names the key; the key is replaced, the event stays.",
        )
    ]


@transaction.atomic
def erase_from_trail(subject: Subject) -> None:
    """Replace the key in the events that name it, and record that this was done."""
    events = _naming(subject)
    for event in events:
        AuditEvent.objects.filter(pk=event.pk).update(
            summary=subject.without_mention(event.summary),
            changes=_cleaned(event, subject),
        )
    if events:
        request = ErasureRequest.objects.select_related("project").get(reference=subject.erasure)
        audit.record(
            principal=system_principal(request.project),
            action="erasure.trail_redacted",
            target=request,
            summary=f"{len(events)} events named the subject's key",
            changes={"events": [event.pk for event in events]},
        )


def _naming(subject: Subject) -> list[AuditEvent]:
    spelled = json.dumps(subject.value)[1:-1]
    found = (
        AuditEvent.objects.filter(project_id=subject.project_id)
        .annotate(changes_text=Cast("changes", TextField()))
        .filter(
            Q(summary__contains=subject.value)
            | Q(changes_text__contains=subject.value)
            | Q(changes_text__contains=spelled)
        )
    )
    return [
        event
        for event in found
        if subject.without_mention(event.summary) != event.summary
        or _cleaned(event, subject) != event.changes
    ]


def _cleaned(event: AuditEvent, subject: Subject) -> Any:
    """Return what an event says without the key; of checks, also where it is a number among their parameters."""
    is_check = event.action.startswith("data_check.")
    return subject.without_mentions(event.changes, numbers=is_check)
