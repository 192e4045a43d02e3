"""Models, versions, and the moves of a version's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Conflict, NotFound
from datasets.models import DatasetVersion
from experiments.models import Run
from jobs import services as job_services
from jobs.models import Job
from models_registry.errors import IllegalVersionMove, VersionInUse
from models_registry.gates import DEFAULT_GATES
from models_registry.models import (
    NEXT_STATUSES,
    Gate,
    ModelVersion,
    RegisteredModel,
    Validation,
    VersionStatus,
)
from models_registry.recording import move_validation


@dataclass(frozen=True, slots=True)
class VersionArtifact:
    """Everything about a version that is known before it has a row; files by their digest."""

    task: str
    estimator: str
    signature: Mapping[str, Any]
    artifact_digest: str
    artifact_size_bytes: int
    onnx_digest: str
    runtime: str
    runtime_report: Mapping[str, Any]
    reference_digest: str
    metrics: Mapping[str, float | None]
    baseline_metrics: Mapping[str, float | None]
    seed: int
    spec: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def get_or_create_model(*, principal: Principal, name: str, task: str) -> RegisteredModel:
    """Return the project's model of this name; a new one gets the default gates of its task."""
    principal.require(Permission.EDIT)
    model, created = RegisteredModel.objects.get_or_create(
        project_id=principal.project_id,
        name=name,
        defaults={"created_by_id": principal.user_id},
    )
    if created:
        Gate.objects.bulk_create(
            Gate(
                model=model,
                kind=spec.kind,
                metric=spec.metric,
                comparison=spec.comparison,
                threshold=spec.threshold,
            )
            for spec in DEFAULT_GATES[task]
        )
        audit.record(principal=principal, action="model.created", target=model, summary=name)
    return model


@transaction.atomic
def register_version(
    *,
    principal: Principal,
    model: RegisteredModel,
    run: Run | None,
    dataset_version: DatasetVersion | None,
    artifact: VersionArtifact,
) -> ModelVersion:
    """Give a model its next version, ready and not yet judged.

    Call it in the transaction that ends the training job; the files must be stored before.
    """
    principal.require(Permission.EDIT)
    locked = RegisteredModel.objects.select_for_update().get(
        pk=model.pk, project_id=principal.project_id
    )
    latest = locked.versions.aggregate(latest=Max("number"))["latest"] or 0
    version = ModelVersion.objects.create(
        model=locked,
        number=latest + 1,
        run=run,
        dataset_version=dataset_version,
        task=artifact.task,
        estimator=artifact.estimator,
        signature=dict(artifact.signature),
        artifact_digest=artifact.artifact_digest,
        artifact_size_bytes=artifact.artifact_size_bytes,
        onnx_digest=artifact.onnx_digest,
        runtime=artifact.runtime,
        runtime_report=dict(artifact.runtime_report),
        reference_digest=artifact.reference_digest,
        metrics=dict(artifact.metrics),
        baseline_metrics=dict(artifact.baseline_metrics),
        seed=artifact.seed,
        spec=dict(artifact.spec),
        environment=dict(artifact.environment),
        created_by_id=principal.user_id,
    )
    audit.record(
        principal=principal, action="model_version.registered", target=version, summary=str(version)
    )
    return move_version(
        principal=principal, version=version, to=VersionStatus.READY, reason="files stored"
    )


@transaction.atomic
def move_version(
    *, principal: Principal, version: ModelVersion, to: VersionStatus, reason: str = ""
) -> ModelVersion:
    """Move a version to another status.

    Raises
    ------
    IllegalVersionMove
        The state machine does not know the move.
    NotFound
        The version belongs to another project.
    """
    locked = (
        ModelVersion.objects.select_for_update()
        .filter(pk=version.pk, model__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such model version.")
    old = VersionStatus(locked.status)
    if to not in NEXT_STATUSES[old]:
        raise IllegalVersionMove(f"A version that is {old.value} cannot become {to.value}.")
    locked.status = to
    locked.save(update_fields=["status"])
    audit.record(
        principal=principal,
        action=f"model_version.{to.value}",
        target=locked,
        summary=reason,
        changes={"status": [old.value, to.value]},
    )
    return locked


def quarantine(*, principal: Principal, version: ModelVersion, reason: str) -> ModelVersion:
    """Forbid a version to be promoted until it is released."""
    principal.require(Permission.DEPLOY)
    _refuse_when_pointed_at(version)
    return move_version(
        principal=principal, version=version, to=VersionStatus.QUARANTINED, reason=reason
    )


def release(*, principal: Principal, version: ModelVersion, reason: str) -> ModelVersion:
    """Let a quarantined version be promoted again."""
    principal.require(Permission.DEPLOY)
    return move_version(principal=principal, version=version, to=VersionStatus.READY, reason=reason)


def retire(*, principal: Principal, version: ModelVersion, reason: str = "") -> ModelVersion:
    """Take a version out of use for good."""
    principal.require(Permission.DEPLOY)
    _refuse_when_pointed_at(version)
    return move_version(
        principal=principal, version=version, to=VersionStatus.RETIRED, reason=reason
    )


def _refuse_when_pointed_at(version: ModelVersion) -> None:
    names = list(version.aliases.values_list("name", flat=True))
    if names:
        raise VersionInUse(f"The alias '{names[0]}' points at this version; move it first.")


@transaction.atomic
def waive(*, principal: Principal, version: ModelVersion, reason: str) -> ModelVersion:
    """Let a version through although gates failed; an administrator's word, kept on the audit trail.

    Raises
    ------
    Conflict
        No reason was given.
    """
    principal.require(Permission.ADMIN)
    if not reason.strip():
        raise Conflict("Say why the failed gates do not matter.", field="reason")
    locked = ModelVersion.objects.select_for_update().get(
        pk=version.pk, model__project_id=principal.project_id
    )
    move_validation(locked, Validation.WAIVED)
    audit.record(principal=principal, action="model_version.waived", target=locked, summary=reason)
    return locked


def request_evaluation(*, principal: Principal, version: ModelVersion) -> Job:
    """Ask for the gates of a version to be run again, as they are now."""
    principal.require(Permission.EDIT)
    return job_services.enqueue(
        principal=principal,
        kind="evaluate",
        arguments={"model_version": version.pk},
        title=f"Run the gates of {version}",
    )


@transaction.atomic
def add_gate(*, principal: Principal, model: RegisteredModel, **condition: Any) -> Gate:
    """Add a gate to a model.

    Raises
    ------
    Conflict
        The model has a gate for this condition already.
    """
    principal.require(Permission.DEPLOY)
    try:
        with transaction.atomic():
            gate = Gate.objects.create(model=model, **condition)
    except IntegrityError:
        raise Conflict(
            "The model has a gate for this metric and direction already.", field="metric"
        ) from None
    audit.record(principal=principal, action="gate.added", target=gate, summary=str(gate))
    return gate
