"""What starts a retraining: a person, a schedule, an open drift alert."""

from __future__ import annotations

import logging

from django.db import transaction

from accounts import audit
from accounts.principals import Principal, system_principal
from core.clock import now
from core.errors import DomainError
from jobs.models import Job
from jobs.services import enqueue, find_by_key
from models_registry.models import Task
from monitoring.models import Alert
from retraining import selectors
from retraining.errors import NothingToRetrain, RetrainingUnderWay
from retraining.models import RetrainPolicy, Trigger

logger = logging.getLogger(__name__)


@transaction.atomic
def start(
    *,
    principal: Principal,
    policy: RetrainPolicy,
    trigger: Trigger,
    alert: Alert | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Ask for a retraining of the policy's endpoint.

    Parameters
    ----------
    idempotency_key
        The same key gives the job of the first time, even while it is under way.

    Raises
    ------
    RetrainingUnderWay
        One of this endpoint is queued or running.
    NothingToRetrain
        The endpoint has no champion that was trained here.
    """
    locked = RetrainPolicy.objects.select_for_update().get(pk=policy.pk)
    if idempotency_key is not None:
        earlier = find_by_key(
            principal=principal, kind=selectors.JOB_KIND, idempotency_key=idempotency_key
        )
        if earlier is not None:
            return earlier
    under_way = selectors.job_under_way(locked)
    if under_way is not None:
        raise RetrainingUnderWay(
            f"Job {under_way.pk} is retraining this endpoint already; wait for it or cancel it.",
            job=str(under_way.pk),
        )
    champion = selectors.champion_of(locked)
    if champion is None:
        raise NothingToRetrain("The endpoint's model has no champion yet; promote a version first.")
    if champion.task == Task.ANOMALY:
        raise NothingToRetrain(
            f"{champion} finds anomalies: no right answers say whether a challenger is better. Train a new "
            "version on newer rows and promote it by hand."
        )
    if champion.dataset_version is None or not champion.spec:
        raise NothingToRetrain(
            f"{champion} was not trained here from a dataset version; it cannot be trained again."
        )
    locked.last_triggered_at = now()
    locked.save(update_fields=["last_triggered_at"])
    job = enqueue(
        principal=principal,
        kind=selectors.JOB_KIND,
        arguments={
            "policy": locked.pk,
            "trigger": trigger.value,
            "alert": alert.pk if alert else None,
        },
        idempotency_key=idempotency_key,
        title=f"Retrain {locked.endpoint.name} ({trigger.label.lower()})",
    )
    audit.record(
        principal=principal,
        action="retraining.started",
        target=locked,
        summary=f"{locked.endpoint.name}: {trigger.label}",
        changes={"job": str(job.pk), "alert": alert.pk if alert else None},
    )
    return job


def start_on_schedule(policy_id: int) -> Job | None:
    """Start the retraining that a schedule is due for; None where it cannot start now."""
    policy = selectors.policies().filter(pk=policy_id, enabled=True).first()
    if policy is None:
        logger.info("retrain policy %s is gone or disabled; nothing is retrained", policy_id)
        return None
    return _start_unasked(policy, trigger=Trigger.SCHEDULE)


def check_triggers() -> list[Job]:
    """Start a retraining for each endpoint with a drift alert that has not led to one yet.

    Several callers at once start it once: the idempotency key names the policy, the alert and the
    number of attempts that ended for want of labels.
    """
    started = [
        _check_drift(policy)
        for policy in selectors.policies().filter(enabled=True, on_drift=True).order_by("id")
    ]
    return [job for job in started if job is not None]


def _check_drift(policy: RetrainPolicy) -> Job | None:
    if selectors.job_under_way(policy) is not None:
        return None
    alert = next(
        (
            alert
            for alert in selectors.drift_alerts(policy)
            if not selectors.is_answered(policy, alert)
        ),
        None,
    )
    if alert is None:
        return None
    cools_down_until = selectors.cools_down_until(policy)
    if cools_down_until is not None and now() < cools_down_until:
        return None
    attempt = selectors.attempts_for(policy, alert)
    return _start_unasked(
        policy,
        trigger=Trigger.DRIFT,
        alert=alert,
        idempotency_key=f"drift:{policy.pk}:{alert.pk}:{attempt}",
    )


def _start_unasked(
    policy: RetrainPolicy,
    *,
    trigger: Trigger,
    alert: Alert | None = None,
    idempotency_key: str | None = None,
) -> Job | None:
    """Start on behalf of the system; what refuses it is a line in the log, not an error."""
    try:
        return start(
            principal=system_principal(policy.endpoint.project),
            policy=policy,
            trigger=trigger,
            alert=alert,
            idempotency_key=idempotency_key,
        )
    except DomainError as refusal:
        logger.info("retraining of %s did not start: %s", policy.endpoint, refusal.message)
        return None
