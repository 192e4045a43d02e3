"""The whole retraining, on real predictions and labels of a real model."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest
from django.conf import settings
from rest_framework.test import APIClient
from sklearn.datasets import load_breast_cancer

from accounts.models import Project
from accounts.principals import Principal, system_principal
from datasets.models import Dataset, DatasetVersion, Use, VersionStatus
from datasets.selectors import uses_of
from datasets.services import revoke_grant, upload_version
from jobs import services as jobs
from jobs.execution.context import JobContext
from jobs.models import Job
from models_registry.models import AliasMove, ApprovalRequest, Gate, ModelVersion
from models_registry.selectors import champion_of
from models_registry.services import promote
from monitoring.models import Alert
from monitoring.services import Label, record_ground_truth
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict
from retraining.services import PolicyTerms, check_triggers, create_policy, retrain_now
from serving.execution.shipping import Shipper
from serving.models import Endpoint
from serving.routing import routing
from serving.selectors.deployments import champion_deployment
from tests.datasets.shared_datasets import share
from tests.serving.conftest import (  # noqa: F401 (fixtures)
    FEATURES,
    champion,
    endpoint,
    train,
    training_data,
)

Api = Callable[..., APIClient]
#: What an instrument that reports hundreds instead of ones makes of the numbers.
OTHER_UNIT = 0.01


@pytest.fixture
def live(
    api: Api,
    endpoint: Endpoint,  # noqa: F811
    principal: Principal,
) -> Callable[..., None]:
    """Return a function that sends labelled traffic and ships it."""
    frame = load_breast_cancer(as_frame=True).frame.sample(frac=1.0, random_state=3)

    def send(rows: slice, *, unit: float = 1.0) -> None:
        chosen: pd.DataFrame = frame.iloc[rows]
        values = chosen[FEATURES].copy()
        values["mean radius"] *= unit
        answer = api().post(
            f"/api/v1/endpoints/{endpoint.name}/predict/",
            {"instances": values.to_dict("records")},
        )
        truth = chosen["target"].map({0: "malignant", 1: "benign"})
        labels = [
            Label(UUID(key), value)
            for key, value in zip(answer.json()["prediction_ids"], truth, strict=True)
        ]
        assert not record_ground_truth(principal=principal, labels=labels).rejected
        routing().log.close()
        Shipper(Path(settings.PREDICTION_LOG_ROOT)).ship()

    return send


@pytest.fixture
def policy(principal: Principal, endpoint: Endpoint) -> RetrainPolicy:  # noqa: F811
    """A policy that is content with 100 labels."""
    terms = PolicyTerms(min_labels=100, test_fraction=0.5, cooldown_hours=0.0)
    return create_policy(principal=principal, endpoint=endpoint, terms=terms)


def decide(
    principal: Principal, policy: RetrainPolicy, run_job: Callable[[Job], Job]
) -> RetrainDecision:
    done = run_job(retrain_now(principal=principal, policy=policy))
    assert done.status == "succeeded", done.error_message
    return RetrainDecision.objects.get(pk=done.result["decision"])


def test_after_a_change_of_unit_the_challenger_wins_and_is_served(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    live(slice(0, 400), unit=OTHER_UNIT)
    decision = decide(principal, policy, run_job)
    assert decision.verdict == RetrainVerdict.PROMOTED, decision.reason
    assert decision.challenger is not None
    assert champion_of(champion.model) == decision.challenger
    move = AliasMove.objects.get(name="champion", to_version=decision.challenger)
    assert (move.moved_by, move.moved_by_name) == (None, "system")
    assert "proved better" in move.reason
    serving = champion_deployment(policy.endpoint)
    assert serving is not None
    assert serving.model_version == decision.challenger
    data = decision.dataset_version
    assert data is not None
    assert data.parent == champion.dataset_version
    assert data.row_count == 569 + 200
    assert data.source["kind"] == "production"
    assert decision.challenger.dataset_version == data
    assert decision.evidence["rows_added"] == 200
    metrics: Mapping[str, Mapping[str, float]] = decision.evidence["metrics"]
    assert metrics["challenger"]["brier"] < metrics["champion"]["brier"]


def test_labels_that_the_champion_was_trained_on_are_not_fresh_when_rows_were_appended_since(
    principal: Principal,
    policy: RetrainPolicy,
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    live(slice(0, 400), unit=OTHER_UNIT)
    first = decide(principal, policy, run_job)
    assert first.verdict == RetrainVerdict.PROMOTED, first.reason
    assert first.challenger is not None
    assert first.dataset_version is not None
    further = load_breast_cancer(as_frame=True).frame.head(30)
    further["diagnosis"] = further.pop("target").map({0: "malignant", 1: "benign"})
    upload = run_job(
        upload_version(
            principal=principal,
            dataset=first.dataset_version.dataset,
            file=io.BytesIO(further[[*FEATURES, "diagnosis"]].to_csv(index=False).encode()),
            filename="more.csv",
            mode="append",
        )
    )
    assert upload.status == "succeeded", upload.error_message
    grown = DatasetVersion.objects.get(pk=upload.result["dataset_version"])
    assert grown.parent == first.dataset_version
    ModelVersion.objects.filter(pk=first.challenger.pk).update(dataset_version=grown)
    second = decide(principal, policy, run_job)
    assert second.evidence["labels_fresh"] == 200
    assert second.dataset_version is not None
    assert second.dataset_version.row_count == 569 + 200 + 30 + 100


def test_without_a_change_the_champion_stays(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    live(slice(0, 200))
    decision = decide(principal, policy, run_job)
    assert decision.verdict in (RetrainVerdict.INCONCLUSIVE, RetrainVerdict.KEPT)
    assert champion_of(champion.model) == champion
    second = decide(principal, policy, run_job)
    assert second.ordinal == 2
    assert second.evidence["level"] < decision.evidence["level"]


def test_too_few_labels_are_a_verdict(
    principal: Principal,
    policy: RetrainPolicy,
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    live(slice(0, 30))
    decision = decide(principal, policy, run_job)
    assert decision.verdict == RetrainVerdict.NOT_ENOUGH_DATA
    assert decision.evidence["labels_missing"] == 70


def test_a_better_challenger_that_fails_a_gate_is_not_promoted(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    Gate.objects.create(model=champion.model, kind="metric", metric="accuracy", threshold=1.5)
    live(slice(0, 400), unit=OTHER_UNIT)
    decision = decide(principal, policy, run_job)
    assert decision.verdict == RetrainVerdict.KEPT
    assert "gates" in decision.reason
    assert champion_of(champion.model) == champion


def test_where_a_second_person_must_approve_that_is_asked_for_and_nothing_moves(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
) -> None:
    champion.model.requires_approval = True
    champion.model.save()
    live(slice(0, 400), unit=OTHER_UNIT)
    alert = Alert.objects.create(
        project=policy.endpoint.project,
        endpoint=policy.endpoint,
        kind=Alert.Kind.DRIFT,
        fingerprint="drift",
        title="mean radius drifted",
    )
    (job,) = check_triggers()
    assert job.created_by is None
    assert run_job(job).status == "succeeded"
    decision = RetrainDecision.objects.get()
    assert decision.alert == alert
    assert decision.verdict == RetrainVerdict.APPROVAL_NEEDED
    assert "A second person was asked" in decision.reason
    assert "stays open" in decision.evidence["alert_advice"]
    asked = ApprovalRequest.objects.get()
    assert asked.version == decision.challenger
    assert asked.requested_by == policy.created_by
    assert champion_of(champion.model) == champion
    assert check_triggers() == []


def test_nobody_is_promoted_over_a_champion_that_was_not_met(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    train: Callable[..., ModelVersion],  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(slice(0, 400), unit=OTHER_UNIT)
    other = train(seed=1)
    real = JobContext.progress

    def promote_meanwhile(self: JobContext, fraction: float, stage: str, message: str = "") -> None:
        if stage == "storing the files":
            promote(principal=principal, version=other)
        real(self, fraction, stage, message)

    monkeypatch.setattr(JobContext, "progress", promote_meanwhile)
    decision = decide(principal, policy, run_job)
    assert decision.verdict == RetrainVerdict.KEPT
    assert "another version was promoted meanwhile" in decision.reason
    assert champion_of(champion.model) == other


def test_an_attempt_that_died_before_its_end_leaves_nothing_twice(
    principal: Principal,
    policy: RetrainPolicy,
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(slice(0, 200))
    before = DatasetVersion.objects.count()
    job = retrain_now(principal=principal, policy=policy)
    with monkeypatch.context() as patch:

        def die(*_: object, **__: object) -> None:
            raise RuntimeError("lost")

        patch.setattr("retraining.execution.retraining.record_comparison", die)
        assert run_job(job).status == "failed"
    failed = RetrainDecision.objects.get()
    assert failed.verdict == RetrainVerdict.FAILED
    usable = DatasetVersion.objects.exclude(status=VersionStatus.FAILED)
    assert usable.count() == before
    jobs.retry(principal=principal, job=job)
    assert run_job(job).status == "succeeded"
    assert RetrainDecision.objects.count() == 1
    assert DatasetVersion.objects.count() == before + 1
    made = RetrainDecision.objects.get().dataset_version
    assert made is not None
    assert made.row_count == 569 + 100


def test_a_retraining_that_is_cancelled_says_so(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live(slice(0, 200))
    job = retrain_now(principal=principal, policy=policy)
    real = JobContext.progress

    def cancel_at_half(self: JobContext, fraction: float, stage: str, message: str = "") -> None:
        if fraction > 0.5 and Job.objects.get(pk=job.pk).cancel_requested_at is None:
            jobs.cancel(principal=principal, job=job)
            self._told_at = 0.0
        real(self, fraction, stage, message)

    monkeypatch.setattr(JobContext, "progress", cancel_at_half)
    assert run_job(job).status == "cancelled"
    decision = RetrainDecision.objects.get()
    assert decision.reason == "The retraining was cancelled."
    assert ModelVersion.objects.count() == 1


def test_shared_data_is_extended_in_a_dataset_of_ones_own_and_only_while_it_is_shared(
    principal: Principal,
    policy: RetrainPolicy,
    champion: ModelVersion,  # noqa: F811
    live: Callable[..., None],
    run_job: Callable[[Job], Job],
    other_project: Project,
) -> None:
    data = champion.dataset_version
    assert data is not None
    Dataset.objects.filter(pk=data.dataset_id).update(project=other_project)
    data.dataset.refresh_from_db()
    live(slice(0, 200))
    refused = run_job(retrain_now(principal=principal, policy=policy))
    assert (refused.status, refused.error_code) == ("failed", "dataset_not_shared")
    grant = share(data.dataset, principal.project_id, "train")
    decision = decide(principal, policy, run_job)
    made = decision.dataset_version
    assert made is not None
    assert made.dataset.project_id == principal.project_id
    assert made.dataset.restricted_by == data.dataset
    assert made.parent == data
    assert uses_of(principal.project_id, made.dataset) == {Use.DESCRIBE, Use.TRAIN}
    revoke_grant(principal=system_principal(other_project), grant=grant)
    refused = run_job(retrain_now(principal=principal, policy=policy))
    assert (refused.status, refused.error_code) == ("failed", "dataset_not_shared")
    assert uses_of(principal.project_id, made.dataset) == frozenset()
