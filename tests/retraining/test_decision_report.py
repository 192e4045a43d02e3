"""A decision as a person sees it, in the admin."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Project, Role
from jobs.models import Job
from models_registry.models import ModelVersion, Task
from retraining.champion_challenger import challenger_level, compare, decide
from retraining.decision_report import report_of
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict, Trigger
from retraining.wealth_chart import draw, drawing
from serving.models import Endpoint
from tests.forms import filled_in

pytestmark = pytest.mark.django_db


def evidence_of(champion_rate: float, challenger_rate: float, rows: int = 200) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    comparison = compare(
        rng.random(rows) < champion_rate, rng.random(rows) < challenger_rate, horizon=rows
    )
    level = challenger_level(0.05, 1)
    decision = decide(comparison, level=level)
    return {
        "ordinal": 1,
        "alpha": 0.05,
        "level": level,
        "loss": "brier",
        "threshold": decision.threshold,
        "outcome": decision.outcome.value,
        "decided_after_rows": decision.decided_after_rows,
        "wealth": decision.wealth,
        "harm_wealth": decision.harm_wealth,
        "further_rows": decision.further_rows,
        "rows_added": 340,
        "comparison": comparison.to_dict(),
        "metrics": {
            "champion": {"accuracy": 0.84, "brier": 0.12},
            "challenger": {"accuracy": 0.98, "brier": 0.02},
        },
        "validation": "passed",
    }


@pytest.fixture
def decide_on(
    policy: RetrainPolicy, champion: ModelVersion
) -> Callable[[str, dict[str, Any]], RetrainDecision]:
    """Return a function that stores a decision about the champion and a challenger."""

    def make(verdict: str, evidence: dict[str, Any]) -> RetrainDecision:
        challenger = ModelVersion.objects.create(
            model=champion.model,
            number=champion.model.versions.count() + 1,
            task=champion.task,
            estimator="logistic",
            artifact_digest="2" * 64,
        )
        return RetrainDecision.objects.create(
            policy=policy,
            trigger=Trigger.DRIFT,
            champion=champion,
            challenger=challenger,
            verdict=verdict,
            reason="A reason in one sentence.",
            evidence=evidence,
        )

    return make


def test_a_promotion_is_told_with_its_curve_and_metrics(
    decide_on: Callable[..., RetrainDecision],
) -> None:
    report = report_of(decide_on(RetrainVerdict.PROMOTED, evidence_of(0.4, 0.05)))
    assert report.tone == "good"
    assert "tumour v2" in report.headline
    assert report.needed == ""
    assert report.chart is not None
    assert report.chart.decided_x is not None
    by_name = {line.name: line.challenger_is_better for line in report.metrics}
    assert by_name == {"Accuracy": True, "Brier score": True}


def test_an_inconclusive_decision_says_what_would_have_been_needed(
    decide_on: Callable[..., RetrainDecision],
) -> None:
    growing = report_of(decide_on(RetrainVerdict.INCONCLUSIVE, evidence_of(0.2, 0.12, rows=100)))
    assert "further labelled rows" in growing.needed
    assert growing.chart is not None
    assert growing.chart.decided_x is None
    flat = report_of(decide_on(RetrainVerdict.INCONCLUSIVE, evidence_of(0.1, 0.15, rows=100)))
    assert "more rows alone would not help" in flat.needed


def test_too_few_labels_say_how_many_are_missing(
    decide_on: Callable[..., RetrainDecision],
) -> None:
    report = report_of(
        decide_on(
            RetrainVerdict.NOT_ENOUGH_DATA,
            {"labels_fresh": 12, "labels_needed": 100, "labels_missing": 88},
        )
    )
    assert report.needed == "88 more labels are needed: 12 of 100 are there."
    assert report.chart is None


@pytest.mark.parametrize("verdict", RetrainVerdict.values)
def test_every_verdict_has_a_page(
    decide_on: Callable[..., RetrainDecision],
    admin_user_: User,
    client: Client,
    verdict: str,
) -> None:
    compared = verdict in ("promoted", "kept", "inconclusive")
    decision = decide_on(verdict, evidence_of(0.3, 0.1) if compared else {})
    client.force_login(admin_user_)
    page = client.get(f"/admin/retraining/retraindecision/{decision.pk}/change/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "A reason in one sentence." in text
    assert ('<svg class="rd-chart"' in text) == compared
    assert client.get("/admin/retraining/retraindecision/").status_code == 200


def test_the_admin_says_beside_the_endpoint_why_anomalies_get_no_policy(
    endpoint: Endpoint, champion: ModelVersion, admin_user_: User, client: Client
) -> None:
    ModelVersion.objects.filter(pk=champion.pk).update(task=Task.ANOMALY)
    client.force_login(admin_user_)
    add = "/admin/retraining/retrainpolicy/add/"
    data = filled_in(client.get(add).content.decode())
    data["endpoint"] = str(endpoint.pk)
    answer = client.post(add, dict(data.lists()))
    assert answer.status_code == 200
    assert "finds anomalies" in answer.context["adminform"].form.errors["endpoint"][0]
    assert not RetrainPolicy.objects.exists()


def test_a_policy_is_made_changed_and_used_in_the_admin(
    policy: RetrainPolicy, admin_user_: User, client: Client
) -> None:
    client.force_login(admin_user_)
    endpoint = policy.endpoint
    policy.delete()
    form = {
        "endpoint": endpoint.pk,
        "enabled": "on",
        "on_drift": "on",
        "min_labels": 80,
        "alpha": 0.05,
        "test_fraction": 0.4,
        "margin": 0,
        "horizon_rows": 500,
        "cooldown_hours": 1,
        "crontab": "15 4 * * *",
    }
    assert "tumour" in client.get("/admin/retraining/retrainpolicy/add/").content.decode()
    made = client.post("/admin/retraining/retrainpolicy/add/", form)
    assert made.status_code == 302, made.content.decode()
    policy = RetrainPolicy.objects.get()
    assert policy.schedule is not None
    assert (policy.min_labels, policy.schedule.crontab.minute) == (80, "15")

    address = f"/admin/retraining/retrainpolicy/{policy.pk}/change/"
    assert "15 4 * * *" in client.get(address).content.decode()
    assert "15 4 * * * (UTC)" in client.get("/admin/retraining/retrainpolicy/").content.decode()
    empty = client.get("/admin/retraining/retrainpolicy/add/").content.decode()
    assert "tumour" not in empty, "the endpoint has a policy"
    wrong = client.post(address, {**form, "alpha": 2, "crontab": "15 4 * * *"})
    assert "Alpha lies between 0 and 1" in wrong.content.decode()
    assert "five fields" in client.post(address, {**form, "crontab": "4"}).content.decode()
    client.post(address, {**form, "min_labels": 90, "crontab": ""})
    policy = RetrainPolicy.objects.get()
    assert (policy.min_labels, policy.schedule) == (90, None)

    retrain = f"/admin/retraining/retrainpolicy/{policy.pk}/retrain-now/"
    assert "Retrain the model behind tumour now?" in client.get(retrain).content.decode()
    assert not Job.objects.exists()
    started = client.post(retrain)
    job = Job.objects.get()
    assert started.headers["Location"] == f"/admin/jobs/job/{job.pk}/change/"
    again = client.post(retrain)
    assert "is retraining this endpoint already" in again.content.decode()


def test_endpoints_of_other_projects_are_not_offered(
    endpoint: Endpoint, other_project: Project, make_user: Callable[..., User], client: Client
) -> None:
    stranger = make_user(Role.DEPLOYER, in_project=other_project)
    stranger.is_staff = True
    stranger.save()
    client.force_login(stranger)
    address = "/admin/retraining/retrainpolicy/add/"
    assert "tumour" not in client.get(address).content.decode()
    refused = client.post(address, {"endpoint": endpoint.pk, "crontab": ""})
    assert refused.status_code == 200
    assert not RetrainPolicy.objects.exists()


def test_an_editor_reads_policies_and_changes_none(
    policy: RetrainPolicy, make_user: Callable[..., User], client: Client
) -> None:
    editor = make_user(Role.EDITOR)
    editor.is_staff = True
    editor.save()
    client.force_login(editor)
    address = f"/admin/retraining/retrainpolicy/{policy.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"min_labels": 3}).status_code == 403
    policy.refresh_from_db()
    assert policy.min_labels == 100


def test_the_chart_stays_inside_its_frame() -> None:
    gain = [2.0**n for n in range(1, 40)]
    chart = draw(gain, [1e-9] * 39, threshold=33.0, decided_after_rows=5)
    assert chart is not None
    heights = [float(p.split()[1]) for p in chart.gain_path[2:].split(" L ")]
    assert all(chart.top <= height <= chart.bottom for height in heights)
    assert chart.top < chart.threshold_y < chart.one_y <= chart.bottom
    assert draw([], [], threshold=33.0, decided_after_rows=None) is None
    assert doctest.testmod(drawing).failed == 0
