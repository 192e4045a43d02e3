"""Mending what crashes and a forgetful broker leave behind."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from core.clock import now
from jobs.execution.claims import put_back_locked
from jobs.models import Job, JobStatus

#: A queued job is announced again when nobody has claimed it for this long.
_RING_AGAIN = timedelta(seconds=15)
_RINGS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one pass found: jobs put back, and queued jobs (id, queue) to announce again."""

    put_back: tuple[uuid.UUID, ...]
    to_ring: tuple[tuple[uuid.UUID, str], ...]


def reconcile() -> Reconciliation:
    """Put back the running jobs whose worker shows no sign of life, and list those to announce.

    The last sign of life is the heartbeat, else the claim, else the creation: a worker may die before
    its first heartbeat. Two passes at once do no harm, each row is locked and looked at again.
    """
    moment = now()
    stale_before = moment - timedelta(seconds=settings.JOB_STALE_SECONDS)
    stale = Job.objects.filter(status=JobStatus.RUNNING).alias(
        last_sign=Coalesce("heartbeat_at", "claimed_at", "created_at")
    )
    candidates = list(stale.filter(last_sign__lt=stale_before).values_list("pk", flat=True))
    put_back = []
    for job_id in candidates:
        with transaction.atomic():
            job = (
                stale.filter(pk=job_id, last_sign__lt=stale_before)
                .select_for_update(of=("self",))
                .first()
            )
            if job is None:
                continue
            put_back_locked(job, reason="The worker of this attempt died or lost its connection.")
            put_back.append(job_id)
    due = Job.objects.filter(
        Q(rung_at__isnull=True) | Q(rung_at__lt=moment - _RING_AGAIN), status=JobStatus.QUEUED
    ).order_by("queued_at")[:_RINGS_AT_ONCE]
    to_ring = tuple(due.values_list("pk", "queue"))
    return Reconciliation(put_back=tuple(put_back), to_ring=to_ring)
