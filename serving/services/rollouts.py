"""What people decide about rollouts; the rest happens by itself (:mod:`serving.execution.rollouts`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import FieldError, Invalid, NotFound
from models_registry.models import ModelVersion
from serving.errors import IllegalEndpointMove, IllegalRolloutMove, RolloutUnderWay
from serving.execution.rollouts import enter_next_step, lock_rollout, move
from serving.models import Endpoint, Rollout, RolloutStep
from serving.models.rollouts import UNDER_WAY
from serving.selectors.deployments import champion_deployment
from serving.services.deployments import check_weight, refuse_if_at_work
from serving.services.locking import check_deployable, lock_endpoint


@dataclass(frozen=True, slots=True)
class Step:
    """A share of the traffic, and for how long it is watched at least."""

    share: float
    baking_minutes: float


#: What a rollout does when nobody says otherwise.
USUAL_STEPS = (Step(0.05, 15.0), Step(0.25, 30.0), Step(1.0, 15.0))
_MOST_STEPS = 20
_MOST_MINUTES = 30 * 24 * 60.0
#: What may be said about a rollout: thresholds, the group, the time as a shadow.
SETTINGS = (
    *("group", "shadow_minutes", "most_extra_errors", "most_latency_ratio", "latency_floor_ms"),
    *("most_answer_distance", "level", "least_requests", "wait_minutes"),
)


@transaction.atomic
def create_rollout(
    *,
    principal: Principal,
    endpoint: Endpoint,
    version: ModelVersion,
    steps: Sequence[Step] = USUAL_STEPS,
    settings: Mapping[str, Any] | None = None,
) -> Rollout:
    """Plan a rollout; nothing happens before it is started.

    Parameters
    ----------
    settings
        Thresholds and the like, by the names of ``Rollout``'s fields.

    Raises
    ------
    VersionNotDeployable, VersionNotValidated, AtWorkAlready
        The version cannot take over this endpoint.
    Invalid
        A step or a setting makes no sense.
    """
    principal.require(Permission.DEPLOY)
    locked = lock_endpoint(principal, endpoint)
    check_deployable(locked, version, answers_callers=True)
    refuse_if_at_work(locked, version)
    rollout = Rollout(endpoint=locked, model_version=version, created_by_id=principal.user_id)
    _apply(rollout, settings or {})
    rollout.save()
    _write_steps(rollout, steps)
    audit.record(
        principal=principal,
        action="rollout.created",
        target=rollout,
        summary=f"{locked.name}: {version}",
        changes={"steps": [None, [[step.share, step.baking_minutes] for step in steps]]},
    )
    return rollout


@transaction.atomic
def change_rollout(
    *,
    principal: Principal,
    rollout: Rollout,
    steps: Sequence[Step] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Rollout:
    """Change the plan of a rollout that has not started.

    Raises
    ------
    IllegalRolloutMove
        It has started.
    Invalid
        A step or a setting makes no sense.
    """
    locked = _lock(principal, rollout)
    if locked.status != Rollout.Status.DRAFT:
        raise IllegalRolloutMove("The plan can be changed before the start only.")
    changed = _apply(locked, settings or {})
    locked.save()
    if steps is None:
        steps = [Step(one.share, one.baking_minutes) for one in locked.steps.filter(share__gt=0)]
    _write_steps(locked, steps)
    audit.record(
        principal=principal,
        action="rollout.changed",
        target=locked,
        summary=f"{locked.endpoint.name}: {locked.model_version}",
        changes=changed,
    )
    return locked


@transaction.atomic
def start_rollout(*, principal: Principal, rollout: Rollout) -> Rollout:
    """Let the first step begin, within a second.

    Raises
    ------
    IllegalRolloutMove, RolloutUnderWay, AtWorkAlready, VersionNotDeployable, VersionNotValidated
        It has started; another is under way; the version cannot take over any more.
    IllegalEndpointMove
        The endpoint is not live.
    Invalid
        Other canaries have too much of the traffic.
    """
    locked = _lock(principal, rollout)
    if locked.status != Rollout.Status.DRAFT:
        raise IllegalRolloutMove(f"The rollout is {locked.status} already.")
    endpoint = locked.endpoint
    if endpoint.status != Endpoint.Status.LIVE:
        raise IllegalEndpointMove(f"The endpoint is {endpoint.status}: start it first.")
    if endpoint.rollouts.filter(status__in=UNDER_WAY).exists():
        raise RolloutUnderWay("Another rollout of this endpoint has not ended yet.")
    check_deployable(endpoint, locked.model_version, answers_callers=True)
    refuse_if_at_work(endpoint, locked.model_version)
    check_weight(endpoint, max(step.share for step in locked.steps.all()))
    champion = champion_deployment(endpoint)
    locked.champion = None if champion is None else champion.model_version
    locked.started_at = now()
    enter_next_step(locked, at=locked.started_at, principal=principal)
    return locked


@transaction.atomic
def pause_rollout(*, principal: Principal, rollout: Rollout, reason: str = "") -> Rollout:
    """Stay at the present share; the guards go on watching, the step's time stands still.

    Raises
    ------
    IllegalRolloutMove
        There is nothing to pause.
    """
    locked = _lock(principal, rollout)
    note = f"Paused: {reason}" if reason else "Paused."
    move(locked, Rollout.Status.PAUSED, at=now(), note=note, principal=principal)
    return locked


@transaction.atomic
def resume_rollout(*, principal: Principal, rollout: Rollout) -> Rollout:
    """Go on where the rollout was paused.

    Raises
    ------
    IllegalRolloutMove
        It is not paused.
    IllegalEndpointMove
        The endpoint is not live.
    """
    locked = _lock(principal, rollout)
    if locked.status != Rollout.Status.PAUSED:
        raise IllegalRolloutMove(f"The rollout is {locked.status}, not paused.")
    if locked.endpoint.status != Endpoint.Status.LIVE:
        raise IllegalEndpointMove(f"The endpoint is {locked.endpoint.status}: start it first.")
    status = Rollout.Status(locked.paused_from)
    move(locked, status, at=now(), note="Resumed.", principal=principal)
    return locked


@transaction.atomic
def abort_rollout(*, principal: Principal, rollout: Rollout, reason: str = "") -> Rollout:
    """End a rollout without a verdict; the champion has all traffic again within a second.

    Raises
    ------
    IllegalRolloutMove
        It has ended.
    """
    locked = _lock(principal, rollout)
    note = f"Aborted: {reason}" if reason else "Aborted."
    move(locked, Rollout.Status.ABORTED, at=now(), note=note, principal=principal)
    return locked


@transaction.atomic
def promote_rollout(*, principal: Principal, rollout: Rollout, reason: str = "") -> Rollout:
    """Skip the steps that are left: the version becomes champion within seconds, once it is approved.

    Raises
    ------
    IllegalRolloutMove
        It is not under way, or promoting already.
    """
    locked = _lock(principal, rollout)
    note = f"Promoted by {principal.username}. {reason}".strip()
    move(locked, Rollout.Status.PROMOTING, at=now(), note=note, principal=principal)
    return locked


def _lock(principal: Principal, rollout: Rollout) -> Rollout:
    principal.require(Permission.DEPLOY)
    if rollout.endpoint.project_id != principal.project_id:
        raise NotFound("There is no such rollout.")
    lock_endpoint(principal, rollout.endpoint)
    return lock_rollout(rollout.pk)


def _apply(rollout: Rollout, settings: Mapping[str, Any]) -> dict[str, list[Any]]:
    changed: dict[str, list[Any]] = {}
    for name, value in settings.items():
        if name not in SETTINGS:
            raise Invalid(f"A rollout has no setting '{name}'.", field=name)
        before = getattr(rollout, name)
        if value != before:
            changed[name] = [before, value]
            setattr(rollout, name, value)
    try:
        rollout.clean_fields(
            exclude=[one.name for one in rollout._meta.fields if one.name not in SETTINGS]
        )
    except ValidationError as error:
        raise Invalid(
            "The settings make no sense.",
            errors=[
                FieldError(name, " ".join(messages))
                for name, messages in error.message_dict.items()
            ],
        ) from error
    if rollout.shadow_minutes > _MOST_MINUTES:
        raise Invalid("That is longer than a month.", field="shadow_minutes")
    return changed


def _write_steps(rollout: Rollout, steps: Sequence[Step]) -> None:
    """Write the plan of a rollout that has not started.

    Raises
    ------
    Invalid
        There are none or too many; shares do not grow; the first leaves the champion nothing to compare with.
    """
    if not 1 <= len(steps) <= _MOST_STEPS:
        raise Invalid(f"Give 1 to {_MOST_STEPS} steps.", field="steps")
    before = 0.0
    for place, step in enumerate(steps):
        if not before < step.share <= 1.0:
            raise Invalid("Shares grow, up to 1.", field=f"steps.{place}.share")
        if not 0.0 <= step.baking_minutes <= _MOST_MINUTES:
            raise Invalid("Give minutes, at most a month.", field=f"steps.{place}.baking_minutes")
        before = step.share
    if steps[0].share >= 1.0 and not rollout.shadow_minutes:
        raise Invalid(
            "The first step leaves the champion some traffic, for comparison.",
            field="steps.0.share",
        )
    planned = list(steps)
    if rollout.shadow_minutes:
        planned.insert(0, Step(0.0, rollout.shadow_minutes))
    rollout.steps.all().delete()
    RolloutStep.objects.bulk_create(
        RolloutStep(
            rollout=rollout,
            position=place if rollout.shadow_minutes else place + 1,
            share=step.share,
            baking_minutes=step.baking_minutes,
        )
        for place, step in enumerate(planned)
    )
