"""What a rollout does by itself: it looks, judges, takes the next step, promotes, or takes the version back."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.principals import Principal, system_principal
from core.errors import DomainError
from models_registry import services as registry
from models_registry.errors import ApprovalNeeded
from serving.execution.deploying import end_work, open_beside, weigh
from serving.execution.following import follow_champion
from serving.guards import Judged, Limits, Seen, judge, level_of_look
from serving.models import Deployment, Endpoint, Rollout, RolloutJudgement, RolloutStep
from serving.models.rollouts import UNDER_WAY
from serving.routing.statistics import BUCKET_SECONDS
from serving.selectors.deployments import champion_deployment
from serving.selectors.traffic import seen_since

logger = logging.getLogger(__name__)

#: A look is taken when the canary has had so many times the requests of the look before.
_GROWTH = 1.25
Status = Rollout.Status
_ENDS = (
    Status.COMPLETED,
    Status.ROLLED_BACK,
    Status.INCONCLUSIVE,
    Status.ABORTED,
    Status.FAILED,
)


def advance_rollouts(at: datetime) -> int:
    """Look after all rollouts under way; return how many moved. One that fails does not stop the others."""
    moved = 0
    for pk in Rollout.objects.filter(status__in=UNDER_WAY).values_list("pk", flat=True):
        try:
            moved += advance_rollout(pk, at)
        except Exception:
            logger.exception("rollout %s could not be looked after", pk)
    return moved


@transaction.atomic
def advance_rollout(rollout_id: int, at: datetime) -> bool:
    """Do what a rollout's state and traffic ask for; return whether its state or step changed."""
    rollout = lock_rollout(rollout_id)
    if not rollout.is_under_way:
        return False
    before = (rollout.status, _position(rollout))
    if rollout.status == Status.ROLLING_BACK:
        move(rollout, Status.ROLLED_BACK, at=at)
    elif not _ended_from_outside(rollout, at):
        if rollout.status == Status.PROMOTING:
            _promote(rollout, at)
        else:
            _look(rollout, at)
    return (rollout.status, _position(rollout)) != before


def lock_rollout(rollout_id: int) -> Rollout:
    """Return a rollout that nobody else changes until the transaction ends."""
    return (
        Rollout.objects.select_for_update(of=("self",))
        .select_related("endpoint__project", "endpoint__model", "model_version", "deployment")
        .get(pk=rollout_id)
    )


def move(
    rollout: Rollout,
    status: Status,
    *,
    at: datetime,
    note: str | None = None,
    principal: Principal | None = None,
) -> None:
    """Move a locked rollout, with its audit event; whoever ends it ends its deployment.

    Raises
    ------
    IllegalRolloutMove
        The state machine does not know the move.
    """
    rollout.check_move(status)
    before, rollout.status = rollout.status, status
    if note is not None:
        rollout.note = note[:500]
    if status in (*_ENDS, Status.ROLLING_BACK) and rollout.deployment is not None:
        end_work(rollout.deployment)
    if status in _ENDS:
        rollout.ended_at = at
    if status == Status.PAUSED:
        rollout.paused_from, rollout.paused_at = before, at
    elif before == Status.PAUSED:
        _count_pause(rollout, at)
        rollout.paused_from, rollout.paused_at = "", None
    rollout.save()
    audit.record(
        principal=principal or system_principal(rollout.endpoint.project),
        action=f"rollout.{status.value}",
        target=rollout,
        summary=f"{rollout.endpoint.name}: {rollout.model_version}. {note or ''}".strip(),
        changes={"status": [before, status.value]},
    )


def enter_next_step(
    rollout: Rollout, *, at: datetime, principal: Principal | None = None
) -> RolloutStep | None:
    """End the present step of a locked rollout and begin the next; None when there is no other."""
    present = current_step(rollout)
    if present is not None:
        present.ended_at = at
        present.save(update_fields=["ended_at"])
    step = rollout.steps.filter(started_at__isnull=True).first()
    if step is None:
        return None
    step.started_at = at
    step.save(update_fields=["started_at"])
    is_shadow = step.share == 0.0
    status = Status.SHADOWING if is_shadow else Status.CANARY
    deployment = rollout.deployment
    if is_shadow or deployment is None or deployment.role != Deployment.Role.CANARY:
        if deployment is not None:
            end_work(deployment)
        rollout.deployment = open_beside(
            rollout.endpoint,
            rollout.model_version,
            Deployment.Role.SHADOW if is_shadow else Deployment.Role.CANARY,
            weight=step.share,
            group=rollout.group,
            reason=f"rollout {rollout.pk}",
            started_by_id=rollout.created_by_id,
        )
    else:
        weigh(deployment, step.share)
    rollout.note = f"{step}"
    if rollout.status != status:
        move(rollout, status, at=at, note=rollout.note, principal=principal)
    else:
        rollout.save()
        audit.record(
            principal=principal or system_principal(rollout.endpoint.project),
            action="rollout.step",
            target=rollout,
            summary=f"{rollout.endpoint.name}: {rollout.model_version}, {step}",
        )
    return step


def current_step(rollout: Rollout) -> RolloutStep | None:
    """Return the step that has started and not ended."""
    return rollout.steps.filter(started_at__isnull=False, ended_at__isnull=True).first()


def _position(rollout: Rollout) -> int | None:
    step = current_step(rollout)
    return None if step is None else step.position


def _count_pause(rollout: Rollout, at: datetime) -> None:
    """Let the step bake as much longer as the rollout was paused."""
    step = current_step(rollout)
    if step is not None and rollout.paused_at is not None:
        step.paused_seconds += (at - rollout.paused_at).total_seconds()
        step.save(update_fields=["paused_seconds"])


def _ended_from_outside(rollout: Rollout, at: datetime) -> bool:
    """End a rollout whose question somebody else has answered."""
    champion = champion_deployment(rollout.endpoint)
    version_id = None if champion is None else champion.model_version_id
    if version_id == rollout.model_version_id:
        if rollout.status != Status.PROMOTING:
            move(rollout, Status.PROMOTING, at=at)
        move(rollout, Status.COMPLETED, at=at, note="It is the champion.")
        return True
    if version_id != rollout.champion_id:
        move(rollout, Status.ABORTED, at=at, note="Another version became champion.")
        return True
    deployment = rollout.deployment
    if (
        deployment is None
        or Deployment.objects.filter(pk=deployment.pk, ended_at__isnull=False).exists()
    ):
        move(rollout, Status.ABORTED, at=at, note="Its deployment was ended.")
        return True
    return False


def _look(rollout: Rollout, at: datetime) -> None:
    """Judge when there is something new to judge, and act on it."""
    step, deployment = current_step(rollout), rollout.deployment
    assert step is not None
    assert step.started_at is not None
    assert deployment is not None
    paused = rollout.paused_at is not None
    elapsed = (at - step.started_at).total_seconds() - step.paused_seconds
    if rollout.paused_at is not None:
        elapsed -= (at - rollout.paused_at).total_seconds()
    is_baked = not paused and elapsed >= 60 * step.baking_minutes
    is_late = not paused and elapsed >= 60 * (step.baking_minutes + rollout.wait_minutes)
    canary = seen_since([deployment.pk], step.started_at)
    champion = _champion_seen(rollout, step)
    last = step.judgements.exclude(verdict=RolloutJudgement.Verdict.TOO_LITTLE).first()
    enough = max(rollout.least_requests, _GROWTH * last.requests if last else 0)
    has_more = canary.requests > (last.requests if last else 0)
    verdict = last.verdict if last else RolloutJudgement.Verdict.TOO_LITTLE
    if canary.requests >= enough or (is_baked and has_more) or (is_late and last is None):
        look = rollout.judgements.count() + 1
        judged = judge(
            canary,
            champion,
            _limits(rollout),
            level=level_of_look(rollout.level, look),
            bounds=BUCKET_SECONDS,
        )
        verdict = RolloutJudgement.Verdict(judged.verdict)
        if verdict != RolloutJudgement.Verdict.TOO_LITTLE or is_late:
            _keep(rollout, step, judged, look, at, canary, champion)
        if verdict == RolloutJudgement.Verdict.BREACHED:
            move(rollout, Status.ROLLING_BACK, at=at, note=judged.reason)
            return
    if not is_baked:
        return
    if verdict == RolloutJudgement.Verdict.HEALTHY:
        if enter_next_step(rollout, at=at) is None:
            move(rollout, Status.PROMOTING, at=at, note="All steps were healthy.")
            _promote(rollout, at)
        return
    problem = Deployment.objects.values_list("problem", flat=True).get(pk=deployment.pk)
    if problem and (is_late or not canary.requests):
        # It had the whole step to be loaded in, and every caller was answered by the champion.
        move(rollout, Status.FAILED, at=at, note=f"It cannot be loaded: {problem}")
    elif is_late:
        move(rollout, Status.INCONCLUSIVE, at=at, note="There was too little traffic.")
    else:
        _note(rollout, f"Waits for {rollout.least_requests} requests of both versions.")


def _champion_seen(rollout: Rollout, step: RolloutStep) -> Seen:
    """Return the champion's traffic in the step's window; of the whole rollout where the step leaves it none."""
    champions = Deployment.objects.filter(
        endpoint=rollout.endpoint,
        role=Deployment.Role.CHAMPION,
        model_version=rollout.champion_id,
    ).values_list("pk", flat=True)
    start = step.started_at if step.share < 1.0 else rollout.started_at
    assert start is not None
    return seen_since(list(champions), start)


def _limits(rollout: Rollout) -> Limits:
    return Limits(
        most_extra_errors=rollout.most_extra_errors,
        most_latency_ratio=rollout.most_latency_ratio,
        latency_floor_seconds=rollout.latency_floor_ms / 1000,
        most_answer_distance=rollout.most_answer_distance,
        least_requests=rollout.least_requests,
    )


def _keep(
    rollout: Rollout,
    step: RolloutStep,
    judged: Judged,
    look: int,
    at: datetime,
    canary: Seen,
    champion: Seen,
) -> None:
    RolloutJudgement.objects.create(
        rollout=rollout,
        step=step,
        at=at,
        verdict=judged.verdict,
        reason=judged.reason[:500],
        look=look,
        level=level_of_look(rollout.level, look),
        requests=canary.requests,
        champion_requests=champion.requests,
        evidence=[{**asdict(guard), "says": guard.reason} for guard in judged.guards],
    )


def _promote(rollout: Rollout, at: datetime) -> None:
    """Make the version champion; wait when that takes a second person's approval."""
    try:
        registry.promote(
            principal=system_principal(rollout.endpoint.project),
            version=rollout.model_version,
            reason=f"rollout {rollout.pk}",
            expected_version=rollout.champion_id,
        )
    except ApprovalNeeded:
        _note(rollout, "Waits for a second person's approval of the version.")
        return
    except DomainError as refusal:
        move(rollout, Status.FAILED, at=at, note=refusal.message)
        return
    move(rollout, Status.COMPLETED, at=at, note="It became champion.")
    follow_champion(rollout.endpoint)


def _note(rollout: Rollout, text: str) -> None:
    if rollout.note != text:
        rollout.note = text
        rollout.save(update_fields=["note"])


def pause_rollouts(endpoint: Endpoint, *, at: datetime, principal: Principal, note: str) -> None:
    """Pause what is under way at an endpoint that answers callers otherwise from now on."""
    watching = (Status.SHADOWING, Status.CANARY)
    for pk in endpoint.rollouts.filter(status__in=watching).values_list("pk", flat=True):
        move(lock_rollout(pk), Status.PAUSED, at=at, note=note, principal=principal)
