"""Writes of the retraining room: policies, and a retraining by hand."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Literal

from django.db import IntegrityError, transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from jobs.models import Job
from jobs.schedule import Schedule
from jobs.schedules import keep_schedule, schedule_of, wake_schedule
from models_registry.models import Task
from monitoring.models import Alert
from retraining import execution, selectors
from retraining.errors import ModelNotJudgeable, PolicyExists, PolicyHasDecisions
from retraining.models import MAX_HORIZON_ROWS, RetrainPolicy, Trigger
from serving.models import Endpoint

SCHEDULE_TASK = "retraining.tasks.retrain_on_schedule"
SCHEDULE_QUEUE = "monitoring"
#: A year: longer would mean "never", and that is what ``on_drift`` is for.
MAX_COOLDOWN_HOURS = 24.0 * 366


class Unchanged(Enum):
    """Says "leave it as it is", where ``None`` says "there shall be none"."""

    UNCHANGED = "unchanged"


UNCHANGED: Literal[Unchanged.UNCHANGED] = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """What a policy says, apart from its schedule; the fields are those of the row."""

    enabled: bool = True
    on_drift: bool = True
    min_labels: int = 100
    alpha: float = 0.05
    test_fraction: float = 0.5
    margin: float = 0.0
    horizon_rows: int = 2000
    cooldown_hours: float = 1.0

    def check(self) -> None:
        """Raise :class:`~core.errors.Invalid` for the first term that makes no sense."""
        complaints = (
            ("min_labels", self.min_labels >= 2, "At least two labels are needed."),
            ("alpha", 0.0 < self.alpha < 1.0, "Alpha lies between 0 and 1."),
            ("test_fraction", 0.0 < self.test_fraction < 1.0, "The share lies between 0 and 1."),
            ("margin", 0.0 <= self.margin < 1.0, "The margin is at least 0 and below 1."),
            (
                "horizon_rows",
                1 <= self.horizon_rows <= MAX_HORIZON_ROWS,
                f"A comparison uses between 1 and {MAX_HORIZON_ROWS} rows.",
            ),
            (
                "cooldown_hours",
                0.0 <= self.cooldown_hours <= MAX_COOLDOWN_HOURS,
                "A cooldown lasts between nothing and a year.",
            ),
        )
        for field, holds, message in complaints:
            if not holds:
                raise Invalid(message, field=field)


@transaction.atomic
def create_policy(
    *,
    principal: Principal,
    endpoint: Endpoint,
    terms: PolicyTerms | None = None,
    schedule: Schedule | None = None,
) -> RetrainPolicy:
    """Let an endpoint's model be trained again, on drift, on a schedule, or by hand.

    Raises
    ------
    PolicyExists
        The endpoint has a policy.
    ModelNotJudgeable
        The endpoint's model finds anomalies.
    Invalid
        A term makes no sense.
    """
    principal.require(Permission.DEPLOY)
    if endpoint.project_id != principal.project_id:
        raise NotFound("There is no such endpoint.")
    require_judgeable(endpoint)
    agreed = terms or PolicyTerms()
    agreed.check()
    try:
        with transaction.atomic():
            policy = RetrainPolicy.objects.create(
                endpoint=endpoint, created_by_id=principal.user_id, **_values(agreed)
            )
    except IntegrityError as error:
        raise PolicyExists(
            f"'{endpoint.name}' has a retrain policy; change that one.", field="endpoint"
        ) from error
    _store_schedule(policy, schedule)
    audit.record(
        principal=principal,
        action="retrain_policy.created",
        target=policy,
        summary=endpoint.name,
        changes={**_values(agreed), "schedule": schedule.to_dict() if schedule else None},
    )
    return policy


def require_judgeable(endpoint: Endpoint) -> None:
    """Raise :class:`ModelNotJudgeable` for an endpoint whose challengers no right answers could judge."""
    if selectors.task_of(endpoint) == Task.ANOMALY:
        raise ModelNotJudgeable(
            f"The model of '{endpoint.name}' finds anomalies: no right answers say whether a challenger is better. "
            "Train a new version on newer rows and promote it by hand.",
            field="endpoint",
        )


@transaction.atomic
def change_policy(
    *,
    principal: Principal,
    policy: RetrainPolicy,
    terms: PolicyTerms,
    schedule: Schedule | Unchanged | None = UNCHANGED,
) -> RetrainPolicy:
    """Replace what a policy says; ``None`` as schedule means that none is wanted any more.

    A disabled policy's schedule rests, and an enabled policy's schedule is awake.

    Raises
    ------
    Invalid
        A term makes no sense.
    """
    principal.require(Permission.DEPLOY)
    terms.check()
    locked = _lock(principal, policy)
    before = {**_values(terms_of(locked)), "schedule": _spelled(schedule_of(locked.schedule))}
    for name, value in _values(terms).items():
        setattr(locked, name, value)
    locked.save()
    if isinstance(schedule, Unchanged):
        wake_schedule(locked.schedule, enabled=locked.enabled)
        after = {**_values(terms), "schedule": before["schedule"]}
    else:
        _store_schedule(locked, schedule)
        after = {**_values(terms), "schedule": _spelled(schedule)}
    audit.record(
        principal=principal,
        action="retrain_policy.changed",
        target=locked,
        summary=locked.endpoint.name,
        changes={
            name: [before[name], after[name]] for name in after if before[name] != after[name]
        },
    )
    return locked


@transaction.atomic
def delete_policy(*, principal: Principal, policy: RetrainPolicy) -> None:
    """Delete a policy that has never led to a decision, with its schedule.

    Raises
    ------
    PolicyHasDecisions
        Its decisions, and the share of alpha that they spent, would be forgotten: disable it
        instead.
    """
    principal.require(Permission.DEPLOY)
    locked = _lock(principal, policy)
    if locked.decisions.exists():
        raise PolicyHasDecisions("The policy has decisions, which are kept: disable it instead.")
    audit.record(
        principal=principal,
        action="retrain_policy.deleted",
        target=locked,
        summary=locked.endpoint.name,
    )
    _store_schedule(locked, None)
    locked.delete()


def retrain_now(
    *,
    principal: Principal,
    policy: RetrainPolicy,
    trigger: str = Trigger.MANUAL,
    alert: Alert | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Ask for a challenger at once; a disabled policy can still be used by hand.

    Raises
    ------
    retraining.errors.RetrainingUnderWay
        A retraining of this endpoint is queued or running.
    retraining.errors.NothingToRetrain
        The endpoint has no champion that was trained here.
    """
    principal.require(Permission.DEPLOY)
    if policy.endpoint.project_id != principal.project_id:
        raise NotFound("There is no such retrain policy.")
    return execution.start(
        principal=principal,
        policy=policy,
        trigger=Trigger(trigger),
        alert=alert,
        idempotency_key=idempotency_key,
    )


def check_triggers() -> list[Job]:
    """Start what open drift alerts ask for, without waiting for the beat."""
    return execution.check_triggers()


def terms_of(policy: RetrainPolicy) -> PolicyTerms:
    """Return what a policy says at present."""
    return PolicyTerms(**{field.name: getattr(policy, field.name) for field in fields(PolicyTerms)})


def _values(terms: PolicyTerms) -> dict[str, Any]:
    return {field.name: getattr(terms, field.name) for field in fields(PolicyTerms)}


def _spelled(schedule: Schedule | None) -> dict[str, Any] | None:
    return schedule.to_dict() if schedule else None


def _lock(principal: Principal, policy: RetrainPolicy) -> RetrainPolicy:
    locked = (
        RetrainPolicy.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(pk=policy.pk, endpoint__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such retrain policy.")
    return locked


def _store_schedule(policy: RetrainPolicy, schedule: Schedule | None) -> None:
    """Let the policy's row of django-celery-beat say what ``schedule`` says."""
    keep_schedule(
        policy,
        schedule,
        name=f"retrain {policy.endpoint.name} (policy {policy.pk})",
        task=SCHEDULE_TASK,
        arguments=[policy.pk],
        queue=SCHEDULE_QUEUE,
        enabled=policy.enabled,
        description=f"Retrains the model behind the endpoint '{policy.endpoint.name}'.",
    )
