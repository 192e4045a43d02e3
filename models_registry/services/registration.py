"""Models and their versions: made, described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from datasets.models import DatasetVersion
from experiments.models import Run
from models_registry.gates import DEFAULT_GATES
from models_registry.models import Gate, ModelVersion, RegisteredModel, VersionStatus
from models_registry.services.locking import lock_model
from models_registry.services.statuses import move_version


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
def update_model(
    *,
    principal: Principal,
    model: RegisteredModel,
    description: str | None = None,
    requires_approval: bool | None = None,
) -> RegisteredModel:
    """Describe a model, or say whether a second person must approve its promotions; None keeps.

    The second is an administrator's word: who may promote must not be able to lift the rule.
    """
    principal.require(Permission.EDIT)
    locked = lock_model(principal, model.pk)
    changes: dict[str, list[Any]] = {}
    if description is not None and description != locked.description:
        changes["description"] = [locked.description, description]
        locked.description = description
    if requires_approval is not None and requires_approval != locked.requires_approval:
        principal.require(Permission.ADMIN)
        changes["requires_approval"] = [locked.requires_approval, requires_approval]
        locked.requires_approval = requires_approval
    if changes:
        locked.save(update_fields=list(changes))
        audit.record(
            principal=principal,
            action="model.changed",
            target=locked,
            summary=f"{locked.name}: {', '.join(changes)}",
            changes=changes,
        )
    return locked


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
    locked = lock_model(principal, model.pk)
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
