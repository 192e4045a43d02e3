"""Reads of the retraining room."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, QuerySet

from jobs.models import Job, JobStatus
from models_registry import selectors as registry
from models_registry.models import ModelVersion
from monitoring.models import Alert, AlertStatus, GroundTruth
from retraining.models import RetrainDecision, RetrainPolicy, RetrainVerdict
from serving.models import Endpoint

JOB_KIND = "retrain"


def policies() -> QuerySet[RetrainPolicy]:
    """Return all policies with what their lists and pages show."""
    return RetrainPolicy.objects.select_related(
        "endpoint__project",
        "endpoint__model",
        "created_by",
        "schedule__crontab",
        "schedule__interval",
    )


def decisions() -> QuerySet[RetrainDecision]:
    """Return all decisions with what their lists and pages show."""
    return RetrainDecision.objects.select_related(
        "policy__endpoint__project",
        "policy__endpoint__model",
        "champion__model",
        "challenger__model",
        "dataset_version__dataset",
        "alert",
        "job",
    )


def champion_of(policy: RetrainPolicy) -> ModelVersion | None:
    """Return the version that the policy's endpoint serves as champion, if there is one."""
    return registry.champion_of(policy.endpoint.model)


def task_of(endpoint: Endpoint) -> str | None:
    """Return what the endpoint's champion does, else the model's newest version; None without versions."""
    champion = registry.champion_of(endpoint.model)
    if champion is not None:
        return champion.task
    newest = endpoint.model.versions.order_by("-number").values_list("task", flat=True)
    return newest.first()


def next_ordinal(policy: RetrainPolicy, *, except_job: UUID | None = None) -> int:
    """Return k of the policy's next challenger, counted from 1.

    Parameters
    ----------
    except_job
        A job whose own decision does not count, because it is about to be written again.
    """
    others = policy.decisions.exclude(job_id=except_job) if except_job else policy.decisions
    latest = others.aggregate(latest=Max("ordinal"))["latest"]
    return int(latest or 0) + 1


def job_under_way(policy: RetrainPolicy) -> Job | None:
    """Return the policy's retraining that is queued or running, if there is one."""
    return Job.objects.filter(
        kind=JOB_KIND,
        project_id=policy.endpoint.project_id,
        status__in=[JobStatus.QUEUED, JobStatus.RUNNING],
        arguments__policy=policy.pk,
    ).first()


def drift_alerts(policy: RetrainPolicy) -> QuerySet[Alert]:
    """Return the endpoint's unresolved drift alerts that nobody has suppressed, oldest first."""
    return Alert.objects.filter(
        endpoint_id=policy.endpoint_id,
        kind=Alert.Kind.DRIFT,
        status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED],
    ).order_by("id")


def attempts_for(policy: RetrainPolicy, alert: Alert) -> int:
    """Return how often the alert has led to a retraining that ended for want of labels."""
    return policy.decisions.filter(alert=alert, verdict=RetrainVerdict.NOT_ENOUGH_DATA).count()


def is_answered(policy: RetrainPolicy, alert: Alert) -> bool:
    """Whether an alert needs no (further) retraining.

    It is answered by any decision but "not enough data"; that one counts until as many labels have
    come in since as were missing then.
    """
    latest = policy.decisions.filter(alert=alert).order_by("-id").first()
    if latest is None:
        return False
    if latest.verdict != RetrainVerdict.NOT_ENOUGH_DATA:
        return True
    missing = int(latest.evidence.get("labels_missing", 1))
    labels_then = int(latest.evidence.get("labels_of_endpoint", 0))
    return label_count(policy) < labels_then + max(missing, 1)


def label_count(policy: RetrainPolicy) -> int:
    """Return how many labels the endpoint has received in its life."""
    return GroundTruth.objects.filter(endpoint_id=policy.endpoint_id).count()


def cools_down_until(policy: RetrainPolicy) -> datetime | None:
    """Return the moment before which drift does not trigger again, if there was a trigger."""
    if policy.last_triggered_at is None:
        return None
    return policy.last_triggered_at + timedelta(hours=policy.cooldown_hours)
