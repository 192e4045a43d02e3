"""Writes of the monitoring room that a person or a client asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import FieldError, Invalid, NotFound
from jobs.models import Job
from models_registry.models import ModelVersion, Task
from monitoring import execution
from monitoring.errors import IllegalAlertMove, TooManyLabels, WindowRefused
from monitoring.models import (
    NEXT_ALERT_STATUSES,
    Alert,
    AlertStatus,
    GroundTruth,
    GroundTruthChange,
    MonitoringPolicy,
)
from serving.models import Endpoint
from serving.selectors.predictions import PredictionRecord, find_predictions

MOST_LABELS = 10_000


@dataclass(frozen=True, slots=True)
class Label:
    """What really happened, for one prediction."""

    prediction_id: UUID
    value: Any


@dataclass(frozen=True, slots=True)
class RejectedLabel:
    """A label that was not taken, and why; ``index`` counts from 0."""

    index: int
    prediction_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class LabelOutcome:
    """What became of a batch of labels.

    Attributes
    ----------
    accepted
        Labels that are known now, also those that were known before.
    changed
        Of these, labels that replaced another value.
    """

    accepted: int
    changed: int
    rejected: tuple[RejectedLabel, ...]


@transaction.atomic
def record_ground_truth(*, principal: Principal, labels: Sequence[Label]) -> LabelOutcome:
    """Record what really happened; a label that comes again with another value is kept as a change.

    Raises
    ------
    TooManyLabels
        More than 10,000 at once.
    """
    principal.require(Permission.EDIT)
    if len(labels) > MOST_LABELS:
        raise TooManyLabels(
            f"{len(labels):,} labels; send at most {MOST_LABELS:,}.", field="labels"
        )
    ids = [label.prediction_id for label in labels]
    records = find_predictions(project_id=principal.project_id, prediction_ids=ids)
    # Who records labels of the same endpoint at the same moment waits for the other.
    endpoints = set(
        Endpoint.objects.select_for_update(of=("self",))
        .filter(
            pk__in={one.endpoint_id for one in records.values()}, project_id=principal.project_id
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    versions = ModelVersion.objects.in_bulk({one.model_version_id for one in records.values()})
    known = {one.prediction_id: one for one in GroundTruth.objects.filter(prediction_id__in=ids)}
    fresh: dict[UUID, GroundTruth] = {}
    changes: list[GroundTruthChange] = []
    rejected: list[RejectedLabel] = []
    for index, label in enumerate(labels):
        key = label.prediction_id
        record = records.get(key)
        if record is None or record.endpoint_id not in endpoints:
            rejected.append(RejectedLabel(index, key, "there is no such prediction"))
            continue
        try:
            value = _checked(label.value, versions.get(record.model_version_id))
        except ValueError as error:
            rejected.append(RejectedLabel(index, key, str(error)))
            continue
        present = fresh.get(key) or known.get(key)
        if present is None:
            fresh[key] = _row(principal, record, value)
        elif present.value != value:
            if present.pk is not None:
                changes.append(
                    GroundTruthChange(
                        ground_truth=present, old_value=present.value, new_value=value
                    )
                )
            present.value = value
    GroundTruth.objects.bulk_create(fresh.values(), batch_size=1000)
    GroundTruthChange.objects.bulk_create(changes, batch_size=1000)
    GroundTruth.objects.bulk_update(
        {one.ground_truth_id: one.ground_truth for one in changes}.values(),
        ["value"],
        batch_size=500,
    )
    return LabelOutcome(len(labels) - len(rejected), len(changes), tuple(rejected))


def _row(principal: Principal, record: PredictionRecord, value: Any) -> GroundTruth:
    return GroundTruth(
        project_id=principal.project_id,
        endpoint_id=record.endpoint_id,
        prediction_id=record.prediction_id,
        value=value,
        predicted_at=record.at,
    )


def _checked(value: Any, version: ModelVersion | None) -> Any:
    """Return a label as the model's task has it; raise ValueError with what is wrong."""
    if version is None:
        raise ValueError("the model version of this prediction is gone")
    classes = version.signature.get("classes")
    if version.task == Task.ANOMALY:
        if value not in (0, 1) or isinstance(value, float):
            raise ValueError("true (an anomaly) or false was expected")
        return bool(value)
    if classes is None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise ValueError("a number was expected")
        return float(value)
    for one in classes:
        if value == one and isinstance(value, bool) == isinstance(one, bool):
            return one
    by_text = {str(one): one for one in classes}
    if isinstance(value, str | int) and str(value) in by_text:
        return by_text[str(value)]
    shown = ", ".join(repr(one) for one in classes[:10])
    raise ValueError(f"{value!r} is none of the classes {shown}")


def request_drift_report(
    *,
    principal: Principal,
    endpoint: Endpoint,
    start: datetime | None = None,
    end: datetime | None = None,
    idempotency_key: str | None = None,
) -> Job:
    """Ask for a window of traffic to be compared with the training reference.

    Parameters
    ----------
    start, end
        The window, ``start <= at < end``; the policy's last ``window_hours``, when absent.

    Raises
    ------
    WindowRefused
        The window has no length.
    """
    principal.require(Permission.EDIT)
    if endpoint.project_id != principal.project_id:
        raise NotFound("There is no such endpoint.")
    policy = execution.policy_of(endpoint)
    until = end or now()
    since = start or until - timedelta(hours=policy.window_hours)
    if since >= until:
        raise WindowRefused("The window must begin before it ends.", field="start")
    return execution.enqueue_report(
        principal=principal,
        endpoint=endpoint,
        start=since,
        end=until,
        idempotency_key=idempotency_key,
    )


@transaction.atomic
def change_policy(
    *, principal: Principal, policy: MonitoringPolicy, **terms: float | int | bool
) -> MonitoringPolicy:
    """Change when drift of an endpoint is worth an alarm.

    Raises
    ------
    Invalid
        A value is out of its range; all of them are named.
    """
    principal.require(Permission.DEPLOY)
    locked = (
        MonitoringPolicy.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(pk=policy.pk, endpoint__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such policy.")
    complaints = _complaints(terms)
    if complaints:
        raise Invalid("The policy cannot be as asked for.", errors=complaints)
    changes = audit.apply_changes(locked, terms)
    locked.save()
    audit.record(
        principal=principal,
        action="monitoring_policy.changed",
        target=locked,
        summary=locked.endpoint.name,
        changes=changes,
    )
    return locked


def _complaints(terms: Mapping[str, float | int | bool]) -> list[FieldError]:
    bounds: dict[str, tuple[float, float]] = {
        "drift_level": (1e-12, 0.5),
        "effect_floor": (0.0, 1.0),
        "min_rows": (1, 10_000_000),
        "window_hours": (0.01, 24 * 366),
    }
    return [
        FieldError(name, f"must lie between {low:g} and {high:g}")
        for name, (low, high) in bounds.items()
        if name in terms and not low <= terms[name] <= high
    ]


def acknowledge_alert(*, principal: Principal, alert: Alert) -> Alert:
    """Say that somebody looks after it."""
    return _move(principal, alert, AlertStatus.ACKNOWLEDGED)


def resolve_alert(*, principal: Principal, alert: Alert) -> Alert:
    """Say that it is over; the next occurrence opens a new alert."""
    return _move(principal, alert, AlertStatus.RESOLVED)


def suppress_alert(*, principal: Principal, alert: Alert) -> Alert:
    """Count further occurrences, but do not call for anybody."""
    return _move(principal, alert, AlertStatus.SUPPRESSED)


def reopen_alert(*, principal: Principal, alert: Alert) -> Alert:
    """Call for somebody again."""
    return _move(principal, alert, AlertStatus.OPEN)


@transaction.atomic
def _move(principal: Principal, alert: Alert, to: AlertStatus) -> Alert:
    principal.require(Permission.EDIT)
    locked = (
        Alert.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(pk=alert.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such alert.")
    old = AlertStatus(locked.status)
    if to not in NEXT_ALERT_STATUSES[old]:
        raise IllegalAlertMove(f"An alert that is {old.value} cannot become {to.value}.")
    locked.status = to
    if to is AlertStatus.ACKNOWLEDGED:
        locked.acknowledged_by_id = principal.user_id
    if to is AlertStatus.RESOLVED:
        locked.resolved_at = now()
    locked.save()
    audit.record(
        principal=principal,
        action=f"alert.{to.value}",
        target=locked,
        summary=locked.title,
        changes={"status": [old.value, to.value]},
    )
    return locked
