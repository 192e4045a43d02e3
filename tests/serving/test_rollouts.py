"""Rollouts: steps, guards, promotion, and what people decide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import AuditEvent, Role
from accounts.principals import Principal
from core.clock import now
from core.errors import DomainError, Invalid
from models_registry.models import ModelVersion
from models_registry.selectors import champion_of
from models_registry.services import promote, update_model
from serving import services
from serving.errors import (
    AtWorkAlready,
    IllegalEndpointMove,
    IllegalRolloutMove,
    RolloutUnderWay,
)
from serving.execution import follow_champion, rollouts
from serving.execution.counters import Counted, add_to_minute
from serving.models import Deployment, Endpoint, Rollout, RolloutJudgement
from serving.models.rollouts import NEXT_STATUSES
from serving.routing.statistics import BUCKET_SECONDS
from serving.services import Step
from serving.services.emergencies import NEXT_STATUSES as NEXT_OF_ENDPOINTS
from tests.serving.versions import register

Status = Rollout.Status
STEPS = (Step(0.05, 5.0), Step(0.25, 5.0), Step(1.0, 5.0))


@pytest.fixture
def second(principal: Principal, churn: Endpoint) -> ModelVersion:
    """Another version that passed its gates."""
    return register(principal, "random_forest")


@pytest.fixture
def rollout(principal: Principal, churn: Endpoint, second: ModelVersion) -> Rollout:
    """A rollout of it that was started."""
    made = services.create_rollout(principal=principal, endpoint=churn, version=second, steps=STEPS)
    return services.start_rollout(principal=principal, rollout=made)


class Clock:
    """The time of a rollout, and the traffic in it."""

    def __init__(self, rollout: Rollout) -> None:
        assert rollout.started_at is not None
        self.rollout = rollout
        self.at: datetime = rollout.started_at

    def wait(self, minutes: float) -> Rollout:
        self.at += timedelta(minutes=minutes)
        rollouts.advance_rollout(self.rollout.pk, self.at)
        return self.look()

    def look(self) -> Rollout:
        self.rollout.refresh_from_db()
        return self.rollout

    def serve(self, requests: int, *, canary: Mapping[str, Any] | None = None) -> None:
        """Count requests of both versions, the canary's with a fault if one is given."""
        champion = Deployment.objects.get(
            endpoint=self.rollout.endpoint, role="champion", ended_at=None
        )
        beside = self.rollout.deployment
        assert beside is not None
        minute = self.at.replace(second=0, microsecond=0)
        add_to_minute(
            minute, {champion.pk: counted(requests), beside.pk: counted(requests, **(canary or {}))}
        )


def counted(
    requests: int, *, failing: float = 0.0, answers: dict[str, int] | None = None
) -> Counted:
    errors = int(requests * failing)
    latencies = [0] * (len(BUCKET_SECONDS) + 1)
    latencies[2] = requests - errors
    return Counted(
        requests=requests,
        errors=errors,
        rows=requests - errors,
        latencies=tuple(latencies),
        answers=answers or {"no": requests // 2, "yes": requests - requests // 2},
    )


def test_a_good_version_is_promoted_step_by_step(rollout: Rollout, second: ModelVersion) -> None:
    clock = Clock(rollout)
    for share in (0.05, 0.25):
        assert rollout.deployment is not None
        rollout.deployment.refresh_from_db()
        assert rollout.deployment.weight == share
        clock.serve(400)
        assert clock.wait(1.0).status == Status.CANARY
        clock.wait(4.5)
    clock.serve(400)
    assert clock.wait(5.5).status == Status.COMPLETED
    assert champion_of(rollout.endpoint.model) == second
    served = Deployment.objects.get(endpoint=rollout.endpoint, role="champion", ended_at=None)
    assert served.model_version == second
    assert not Deployment.objects.filter(role="canary", ended_at=None).exists()
    assert set(rollout.judgements.values_list("verdict", flat=True)) == {"healthy"}
    assert [step.ended_at is not None for step in rollout.steps.all()] == [True] * 3


@pytest.mark.parametrize(
    ("fault", "guard"),
    [({"failing": 0.1}, "errors"), ({"answers": {"no": 300}}, "answers")],
)
def test_a_version_with_a_fault_is_taken_back_within_its_first_step(
    rollout: Rollout, fault: dict[str, Any], guard: str
) -> None:
    clock = Clock(rollout)
    clock.serve(300, canary=fault)
    assert clock.wait(0.5).status == Status.ROLLING_BACK
    assert rollout.deployment is not None
    assert Deployment.objects.get(pk=rollout.deployment.pk).ended_at is not None
    judgement = rollout.judgements.get()
    assert judgement.verdict == RolloutJudgement.Verdict.BREACHED
    assert [one["name"] for one in judgement.evidence if one["verdict"] == "breached"] == [guard]
    assert clock.wait(0.1).status == Status.ROLLED_BACK
    actions = AuditEvent.objects.filter(target_type="serving.rollout").values_list(
        "action", flat=True
    )
    assert {"rollout.created", "rollout.canary", "rollout.rolled_back"} <= set(actions)


def test_too_little_data_waits_and_is_inconclusive_in_the_end(rollout: Rollout) -> None:
    clock = Clock(rollout)
    clock.serve(20)
    assert clock.wait(6.0).status == Status.CANARY
    assert clock.look().note.startswith("Waits for")
    assert clock.wait(60.0).status == Status.INCONCLUSIVE
    assert rollout.judgements.get().verdict == RolloutJudgement.Verdict.TOO_LITTLE
    assert champion_of(rollout.endpoint.model) == rollout.champion


def test_a_version_that_cannot_be_loaded_fails_when_its_step_has_baked(rollout: Rollout) -> None:
    clock = Clock(rollout)
    assert rollout.deployment is not None
    Deployment.objects.filter(pk=rollout.deployment.pk).update(problem="a file is missing")
    assert clock.wait(4.0).status == Status.CANARY, "it may still be loaded"
    assert clock.wait(1.5).status == Status.FAILED
    assert rollout.note == "It cannot be loaded: a file is missing"
    assert Deployment.objects.get(pk=rollout.deployment.pk).ended_at is not None
    assert champion_of(rollout.endpoint.model) == rollout.champion


def test_a_version_that_one_process_cannot_load_is_judged_by_what_the_others_answer(
    rollout: Rollout,
) -> None:
    clock = Clock(rollout)
    assert rollout.deployment is not None
    Deployment.objects.filter(pk=rollout.deployment.pk).update(problem="no memory left")
    clock.serve(20)
    assert clock.wait(6.0).status == Status.CANARY
    clock.serve(200)
    clock.wait(0.1)
    assert rollouts.current_step(clock.look()) == rollout.steps.get(share=0.25)


def test_data_that_come_late_are_judged(rollout: Rollout) -> None:
    clock = Clock(rollout)
    assert clock.wait(20.0).status == Status.CANARY
    clock.serve(200)
    clock.wait(0.1)
    assert rollouts.current_step(clock.look()) == rollout.steps.get(share=0.25)


def test_no_look_is_taken_before_there_is_more_to_see(rollout: Rollout) -> None:
    clock = Clock(rollout)
    clock.serve(200)
    for _ in range(5):
        clock.wait(0.05)
    assert rollout.judgements.count() == 1
    clock.serve(100)
    clock.wait(0.05)
    assert rollout.judgements.count() == 2


def test_a_promotion_waits_for_the_approval_that_the_model_asks_for(
    principal: Principal, rollout: Rollout
) -> None:
    update_model(principal=principal, model=rollout.endpoint.model, requires_approval=True)
    services.promote_rollout(principal=principal, rollout=rollout)
    clock = Clock(rollout)
    assert clock.wait(0.1).status == Status.PROMOTING
    assert "approval" in rollout.note
    update_model(principal=principal, model=rollout.endpoint.model, requires_approval=False)
    assert clock.wait(0.1).status == Status.COMPLETED


def test_a_pause_stops_the_clock_but_not_the_guards(principal: Principal, rollout: Rollout) -> None:
    clock = Clock(rollout)
    clock.serve(200)
    services.pause_rollout(principal=principal, rollout=rollout, reason="lunch")
    assert clock.wait(30.0).status == Status.PAUSED
    Rollout.objects.filter(pk=rollout.pk).update(paused_at=now() - timedelta(minutes=30))
    assert services.resume_rollout(principal=principal, rollout=rollout).status == Status.CANARY
    step = rollouts.current_step(rollout)
    assert step is not None
    assert step.paused_seconds == pytest.approx(1800, abs=60)
    services.pause_rollout(principal=principal, rollout=rollout)
    clock.at = now()
    clock.serve(900, canary={"failing": 0.2})
    assert clock.wait(0.1).status == Status.ROLLING_BACK


def test_a_shadow_comes_first_where_the_plan_says_so(
    principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    made = services.create_rollout(
        principal=principal,
        endpoint=churn,
        version=second,
        steps=STEPS,
        settings={"shadow_minutes": 5.0},
    )
    started = services.start_rollout(principal=principal, rollout=made)
    assert started.status == Status.SHADOWING
    clock = Clock(started)
    clock.serve(200)
    assert clock.wait(5.5).status == Status.CANARY
    assert list(
        Deployment.objects.filter(ended_at=None).values_list("role", flat=True).order_by("role")
    ) == ["canary", "champion"]


def test_another_champion_ends_the_question(
    principal: Principal, rollout: Rollout, second: ModelVersion
) -> None:
    promote(principal=principal, version=second)
    follow_champion(rollout.endpoint)
    assert Clock(rollout).wait(0.1).status == Status.COMPLETED


def test_a_third_version_as_champion_aborts(principal: Principal, rollout: Rollout) -> None:
    third = register(principal, "logistic")
    promote(principal=principal, version=third)
    follow_champion(rollout.endpoint)
    assert Clock(rollout).wait(0.1).status == Status.ABORTED


def test_the_stop_button_pauses(principal: Principal, rollout: Rollout) -> None:
    services.stop_endpoint(principal=principal, endpoint=rollout.endpoint)
    rollout.refresh_from_db()
    assert rollout.status == Status.PAUSED
    with pytest.raises(IllegalEndpointMove):
        services.resume_rollout(principal=principal, rollout=rollout)


def test_a_plan_is_changed_before_the_start_only(
    principal: Principal, churn: Endpoint, second: ModelVersion
) -> None:
    made = services.create_rollout(principal=principal, endpoint=churn, version=second)
    services.change_rollout(
        principal=principal, rollout=made, steps=STEPS, settings={"level": 0.05, "group": "B"}
    )
    assert [step.share for step in made.steps.all()] == [0.05, 0.25, 1.0]
    services.start_rollout(principal=principal, rollout=made)
    with pytest.raises(IllegalRolloutMove):
        services.change_rollout(principal=principal, rollout=made, steps=STEPS)
    with pytest.raises(AtWorkAlready):
        services.create_rollout(principal=principal, endpoint=churn, version=second)
    third = register(principal, "logistic")
    other = services.create_rollout(principal=principal, endpoint=churn, version=third)
    with pytest.raises(RolloutUnderWay):
        services.start_rollout(principal=principal, rollout=other)
    with pytest.raises(RolloutUnderWay):
        services.start_deployment(
            principal=principal, endpoint=churn, version=third, role="canary", weight=0.1
        )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), {}),
        ((Step(0.5, 1.0), Step(0.5, 1.0)), {}),
        ((Step(1.5, 1.0),), {}),
        ((Step(1.0, 1.0),), {}),
        ((Step(0.1, -1.0),), {}),
        (STEPS, {"level": 0.0}),
        (STEPS, {"most_latency_ratio": 0.5}),
        (STEPS, {"unknown": 1}),
    ],
)
def test_plans_that_make_no_sense_are_refused(
    principal: Principal,
    churn: Endpoint,
    second: ModelVersion,
    steps: tuple[Step, ...],
    said: dict[str, Any],
) -> None:
    with pytest.raises(Invalid):
        services.create_rollout(
            principal=principal, endpoint=churn, version=second, steps=steps, settings=said
        )
    assert not Rollout.objects.exists()


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Status, Status)))
def test_a_rollout_makes_only_the_moves_that_it_knows(one: Status, other: Status) -> None:
    rollout = Rollout(status=one)
    if other in NEXT_STATUSES[one]:
        rollout.check_move(other)
    else:
        with pytest.raises(IllegalRolloutMove):
            rollout.check_move(other)


@pytest.fixture
def presses(principal: Principal) -> dict[str, Callable[[Endpoint], object]]:
    """What leads into each state of an endpoint."""
    return {
        "live": lambda one: services.start_endpoint(principal=principal, endpoint=one),
        "stopped": lambda one: services.stop_endpoint(principal=principal, endpoint=one),
        "fallback": lambda one: services.fall_back(
            principal=principal, endpoint=one, fallback="constant"
        ),
    }


def test_an_endpoint_makes_only_the_moves_that_it_knows(
    principal: Principal, churn: Endpoint, presses: dict[str, Callable[[Endpoint], object]]
) -> None:
    signature = churn.model.versions.get().signature
    services.change_endpoint(
        principal=principal, endpoint=churn, fallback_value=signature["classes"][0]
    )
    for one, other in itertools.product(Endpoint.Status, Endpoint.Status):
        Deployment.objects.filter(role="constant").delete()
        Endpoint.objects.filter(pk=churn.pk).update(status=one)
        if other in NEXT_OF_ENDPOINTS[one]:
            presses[other](churn)
        else:
            with pytest.raises(IllegalEndpointMove):
                presses[other](churn)


def test_viewers_and_editors_decide_nothing(
    principal_as: Callable[..., Principal], rollout: Rollout
) -> None:
    for role in (Role.VIEWER, Role.EDITOR):
        with pytest.raises(DomainError):
            services.abort_rollout(principal=principal_as(role), rollout=rollout)
