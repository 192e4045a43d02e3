"""Retrain policies: by service and by REST, with their schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from rest_framework.test import APIClient

from accounts.errors import PermissionMissing
from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from core.errors import Invalid, NotFound
from jobs.models import Job
from jobs.schedule import Interval, parse_crontab
from jobs.schedules import schedule_of
from models_registry.models import Alias, ModelVersion, RegisteredModel, Task
from retraining import services
from retraining.errors import ModelNotJudgeable, PolicyExists, PolicyHasDecisions
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict, Trigger
from serving.models import Endpoint

pytestmark = pytest.mark.django_db
NIGHTLY = parse_crontab("0 3 * * *")


def test_a_policy_keeps_its_schedule_as_a_row_that_beat_reads(
    principal: Principal, endpoint: Endpoint
) -> None:
    policy = services.create_policy(principal=principal, endpoint=endpoint, schedule=NIGHTLY)
    row = policy.schedule
    assert row is not None
    assert row.task == "retraining.tasks.retrain_on_schedule"
    assert json.loads(row.args) == [policy.pk]
    assert row.enabled
    assert (row.crontab.hour, str(row.crontab.timezone)) == ("3", "UTC")
    assert schedule_of(row) == NIGHTLY
    assert AuditEvent.objects.get(action="retrain_policy.created").changes["alpha"] == 0.05


def test_an_endpoint_has_one_policy(principal: Principal, endpoint: Endpoint) -> None:
    services.create_policy(principal=principal, endpoint=endpoint)
    with pytest.raises(PolicyExists):
        services.create_policy(principal=principal, endpoint=endpoint)


@pytest.mark.parametrize("is_champion", [True, False])
def test_a_model_that_finds_anomalies_gets_no_policy(
    is_champion: bool,
    principal: Principal,
    endpoint: Endpoint,
    champion: ModelVersion,
    api: Callable[..., APIClient],
) -> None:
    ModelVersion.objects.filter(pk=champion.pk).update(task=Task.ANOMALY)
    if not is_champion:
        Alias.objects.all().delete()
    with pytest.raises(ModelNotJudgeable, match="finds anomalies"):
        services.create_policy(principal=principal, endpoint=endpoint, schedule=NIGHTLY)
    refused = api().post("/api/v1/retrain-policies/", {"endpoint": "tumour"})
    assert (refused.status_code, refused.json()["code"]) == (422, "model_not_judgeable")
    assert [one["field"] for one in refused.json()["errors"]] == ["endpoint"]
    assert not RetrainPolicy.objects.exists()
    assert not PeriodicTask.objects.filter(task=services.SCHEDULE_TASK).exists()


def test_an_endpoint_of_a_model_without_versions_may_have_a_policy(
    principal: Principal, project: Project
) -> None:
    empty = RegisteredModel.objects.create(project=project, name="to come")
    endpoint = Endpoint.objects.create(project=project, name="to-come", model=empty)
    assert services.create_policy(principal=principal, endpoint=endpoint).enabled


def test_a_schedule_changes_in_place_rests_and_goes(
    principal: Principal, policy: RetrainPolicy
) -> None:
    terms = services.terms_of(policy)
    changed = services.change_policy(
        principal=principal, policy=policy, terms=terms, schedule=NIGHTLY
    )
    row = changed.schedule
    assert row is not None
    every_six_hours = Interval(every=6, period="hours")
    services.change_policy(
        principal=principal, policy=policy, terms=terms, schedule=every_six_hours
    )
    row.refresh_from_db()
    assert row.crontab is None
    assert schedule_of(row) == every_six_hours
    services.change_policy(
        principal=principal, policy=policy, terms=services.PolicyTerms(enabled=False)
    )
    row.refresh_from_db()
    assert not row.enabled
    services.change_policy(principal=principal, policy=policy, terms=terms, schedule=None)
    assert not PeriodicTask.objects.filter(pk=row.pk).exists()
    assert not RetrainPolicy.objects.get(pk=policy.pk).schedule


def test_the_audit_says_what_changed(principal: Principal, policy: RetrainPolicy) -> None:
    services.change_policy(
        principal=principal,
        policy=policy,
        terms=services.PolicyTerms(alpha=0.01, cooldown_hours=0.0),
    )
    event = AuditEvent.objects.get(action="retrain_policy.changed")
    assert event.changes == {"alpha": [0.05, 0.01]}


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("alpha", 0.0),
        ("alpha", float("nan")),
        ("min_labels", 1),
        ("test_fraction", 1.0),
        ("margin", -0.1),
        ("horizon_rows", 0),
        ("horizon_rows", 10_001),
        ("cooldown_hours", float("inf")),
    ],
)
def test_a_term_that_makes_no_sense_is_refused_by_name(
    principal: Principal, endpoint: Endpoint, term: str, value: Any
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.create_policy(
            principal=principal, endpoint=endpoint, terms=services.PolicyTerms(**{term: value})
        )
    assert refusal.value.field == term


def test_the_database_guards_the_terms_too(policy: RetrainPolicy) -> None:
    policy.horizon_rows = 20_000
    with pytest.raises(IntegrityError), transaction.atomic():
        policy.save()


def test_a_policy_with_decisions_is_kept(principal: Principal, policy: RetrainPolicy) -> None:
    decision = RetrainDecision.objects.create(
        policy=policy, trigger=Trigger.MANUAL, verdict=RetrainVerdict.FAILED
    )
    with pytest.raises(PolicyHasDecisions):
        services.delete_policy(principal=principal, policy=policy)
    decision.delete()
    services.delete_policy(principal=principal, policy=policy)
    assert not RetrainPolicy.objects.exists()


def test_only_who_may_deploy_may_say_when_to_retrain(
    principal_as: Callable[[Role], Principal], policy: RetrainPolicy
) -> None:
    editor = principal_as(Role.EDITOR)
    with pytest.raises(PermissionMissing):
        services.change_policy(principal=editor, policy=policy, terms=services.PolicyTerms())
    with pytest.raises(PermissionMissing):
        services.retrain_now(principal=editor, policy=policy)


def test_another_projects_endpoint_does_not_exist(
    principal: Principal, policy: RetrainPolicy, other_project: Project
) -> None:
    Endpoint.objects.filter(pk=policy.endpoint_id).update(project=other_project)
    moved = RetrainPolicy.objects.get(pk=policy.pk)
    with pytest.raises(NotFound):
        services.retrain_now(principal=principal, policy=moved)
    with pytest.raises(NotFound):
        services.change_policy(principal=principal, policy=moved, terms=services.PolicyTerms())


def test_the_whole_life_of_a_policy_by_rest(
    api: Callable[..., APIClient], endpoint: Endpoint
) -> None:
    client = api()
    made = client.post(
        "/api/v1/retrain-policies/",
        {"endpoint": "tumour", "min_labels": 60, "schedule": {"crontab": "30 2 * * 0"}},
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["min_labels"] == 60
    assert body["schedule"] == {"crontab": "30 2 * * 0", "timezone": "UTC"}
    address = f"/api/v1/retrain-policies/{body['id']}/"

    changed = client.patch(address, {"margin": 0.02, "schedule": {"every": 2, "period": "days"}})
    assert changed.json()["schedule"] == {"every": 2, "period": "days"}
    assert changed.json()["min_labels"] == 60
    assert client.patch(address, {"on_drift": False}).json()["schedule"]["every"] == 2
    assert client.patch(address, {"schedule": None}).json()["schedule"] is None

    started = client.post(f"{address}retrain/", headers={"Idempotency-Key": "once"})
    assert started.status_code == 202
    job = Job.objects.get()
    assert started.headers["Location"] == f"/api/v1/jobs/{job.pk}/"
    assert job.kind == "retrain"
    again = client.post(f"{address}retrain/", headers={"Idempotency-Key": "once"})
    assert again.json()["job"]["id"] == str(job.pk)
    busy = client.post(f"{address}retrain/")
    assert (busy.status_code, busy.json()["code"]) == (409, "retraining_under_way")

    assert client.get("/api/v1/retrain-policies/?endpoint__name=tumour").json()["count"] == 1
    assert client.delete(address).status_code == 204


@pytest.mark.parametrize(
    ("schedule", "part"),
    [
        ({"crontab": "99 * * * *"}, "range"),
        ({"every": 5}, "schedule is"),
        ({"crontab": "0 3 * * *", "sun": "rise"}, "part"),
    ],
)
def test_a_schedule_that_is_none_is_refused(
    api: Callable[..., APIClient], endpoint: Endpoint, schedule: dict[str, Any], part: str
) -> None:
    answer = api().post("/api/v1/retrain-policies/", {"endpoint": "tumour", "schedule": schedule})
    assert answer.status_code in (400, 422)
    assert part in answer.content.decode()
    assert not CrontabSchedule.objects.filter(minute="99").exists()


def test_other_projects_and_lesser_roles_are_kept_out(
    api: Callable[..., APIClient], policy: RetrainPolicy, other_project: Project
) -> None:
    address = f"/api/v1/retrain-policies/{policy.pk}/"
    stranger = api(in_project=other_project)
    assert stranger.get(address).status_code == 404
    assert stranger.post(f"{address}retrain/").status_code == 404
    assert stranger.post("/api/v1/retrain-policies/", {"endpoint": "tumour"}).status_code == 404
    assert api("editor").patch(address, {"enabled": False}).status_code == 403
    assert api("viewer").get(address).status_code == 200


def test_lists_cost_the_same_however_long_they_are(
    api: Callable[..., APIClient],
    policy: RetrainPolicy,
    django_assert_max_num_queries: Any,
) -> None:
    client = api()
    for _ in range(12):
        RetrainDecision.objects.create(
            policy=policy,
            trigger=Trigger.MANUAL,
            verdict=RetrainVerdict.INCONCLUSIVE,
            evidence={"comparison": {"D": [0.0] * 50}},
        )
    with django_assert_max_num_queries(9):
        body = client.get("/api/v1/retrain-decisions/?verdict=inconclusive").json()
    assert body["count"] == 12
    assert "evidence" not in body["results"][0]
    one = client.get(f"/api/v1/retrain-decisions/{body['results'][0]['id']}/").json()
    assert len(one["evidence"]["comparison"]["D"]) == 50
    with django_assert_max_num_queries(9):
        client.get("/api/v1/retrain-policies/")
