"""What starts a retraining, and what does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.principals import Principal
from jobs.models import Job, JobStatus
from models_registry.models import Alias, ModelVersion
from monitoring.models import Alert, AlertStatus
from retraining import services, tasks
from retraining.errors import NothingToRetrain, RetrainingUnderWay
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict, Trigger

pytestmark = pytest.mark.django_db


def end(job: Job, **decision: object) -> None:
    """Let the job end with a decision, as its execution would."""
    Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED, finished_at=job.created_at)
    RetrainDecision.objects.create(
        policy_id=job.arguments["policy"],
        job=job,
        trigger=job.arguments["trigger"],
        alert_id=job.arguments["alert"],
        **decision,
    )


def test_an_open_drift_alert_starts_one_retraining(
    policy: RetrainPolicy, open_alert: Callable[..., Alert]
) -> None:
    alert = open_alert()
    (job,) = services.check_triggers()
    assert job.arguments == {"policy": policy.pk, "trigger": "drift", "alert": alert.pk}
    assert job.created_by is None
    assert services.check_triggers() == []
    end(job, verdict=RetrainVerdict.INCONCLUSIVE)
    assert tasks.check_triggers() == 0


def test_a_second_incident_starts_another(
    policy: RetrainPolicy, open_alert: Callable[..., Alert]
) -> None:
    open_alert()
    (first,) = services.check_triggers()
    end(first, verdict=RetrainVerdict.KEPT)
    second = open_alert()
    (job,) = services.check_triggers()
    assert job.arguments["alert"] == second.pk


@pytest.mark.parametrize(
    "alert",
    [
        {"kind": Alert.Kind.PERFORMANCE},
        {"status": AlertStatus.SUPPRESSED},
        {"status": AlertStatus.RESOLVED},
    ],
)
def test_other_alerts_start_nothing(
    policy: RetrainPolicy, open_alert: Callable[..., Alert], alert: dict[str, str]
) -> None:
    open_alert(**alert)
    assert services.check_triggers() == []


@pytest.mark.parametrize("change", [{"enabled": False}, {"on_drift": False}])
def test_a_policy_that_does_not_want_it_is_left_alone(
    policy: RetrainPolicy, open_alert: Callable[..., Alert], change: dict[str, bool]
) -> None:
    open_alert()
    RetrainPolicy.objects.filter(pk=policy.pk).update(**change)
    assert services.check_triggers() == []


def test_drift_waits_for_the_cooldown_and_a_person_does_not(
    principal: Principal, policy: RetrainPolicy, open_alert: Callable[..., Alert]
) -> None:
    RetrainPolicy.objects.filter(pk=policy.pk).update(cooldown_hours=1.0)
    by_hand = services.retrain_now(principal=principal, policy=policy)
    end(by_hand, verdict=RetrainVerdict.KEPT)
    open_alert()
    assert services.check_triggers() == []
    services.retrain_now(principal=principal, policy=policy)
    assert Job.objects.count() == 2


def test_after_too_few_labels_the_alert_is_taken_up_when_they_have_come(
    policy: RetrainPolicy, open_alert: Callable[..., Alert], add_labels: Callable[[int], None]
) -> None:
    open_alert()
    add_labels(3)
    (first,) = services.check_triggers()
    end(
        first,
        verdict=RetrainVerdict.NOT_ENOUGH_DATA,
        evidence={"labels_missing": 4, "labels_of_endpoint": 3},
    )
    add_labels(3)
    assert services.check_triggers() == []
    add_labels(1)
    (second,) = services.check_triggers()
    assert second.pk != first.pk


def test_one_retraining_of_an_endpoint_at_a_time(
    principal: Principal, policy: RetrainPolicy
) -> None:
    services.retrain_now(principal=principal, policy=policy)
    with pytest.raises(RetrainingUnderWay):
        services.retrain_now(principal=principal, policy=policy)
    tasks.retrain_on_schedule(policy.pk)
    assert Job.objects.count() == 1


def test_a_schedule_starts_it_on_behalf_of_the_system(policy: RetrainPolicy) -> None:
    tasks.retrain_on_schedule(policy.pk)
    job = Job.objects.get()
    assert job.arguments["trigger"] == Trigger.SCHEDULE
    assert job.created_by is None


def test_a_schedule_of_a_disabled_or_vanished_policy_does_nothing(policy: RetrainPolicy) -> None:
    RetrainPolicy.objects.filter(pk=policy.pk).update(enabled=False)
    tasks.retrain_on_schedule(policy.pk)
    tasks.retrain_on_schedule(policy.pk + 1)
    assert not Job.objects.exists()


def test_without_a_champion_from_here_there_is_nothing_to_retrain(
    principal: Principal, policy: RetrainPolicy, champion: ModelVersion
) -> None:
    ModelVersion.objects.filter(pk=champion.pk).update(spec={})
    with pytest.raises(NothingToRetrain, match="not trained here"):
        services.retrain_now(principal=principal, policy=policy)
    Alias.objects.all().delete()
    with pytest.raises(NothingToRetrain, match="no champion"):
        services.retrain_now(principal=principal, policy=policy)
