"""Writing a version's row: its files are stored, its gates have not judged it yet."""

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
from models_registry.errors import IllegalVersionMove
from models_registry.locking import lock_model
from models_registry.models import NEXT_STATUSES, ModelVersion, RegisteredModel, VersionStatus


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
    upload: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)
    plan_digest: str = ""


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
        upload=dict(artifact.upload),
        decision=dict(artifact.decision),
        plan_digest=artifact.plan_digest,
        created_by_id=principal.user_id,
    )
    audit.record(
        principal=principal, action="model_version.registered", target=version, summary=str(version)
    )
    return move_status(principal, version, VersionStatus.READY, "files stored")


def move_status(
    principal: Principal, version: ModelVersion, to: VersionStatus, reason: str
) -> ModelVersion:
    """Change a locked version's status, if its state machine knows the move.

    Raises
    ------
    IllegalVersionMove
        It does not.
    """
    old = VersionStatus(version.status)
    if to not in NEXT_STATUSES[old]:
        raise IllegalVersionMove(f"A version that is {old.value} cannot become {to.value}.")
    version.status = to
    version.save(update_fields=["status"])
    audit.record(
        principal=principal,
        action=f"model_version.{to.value}",
        target=version,
        summary=reason,
        changes={"status": [old.value, to.value]},
    )
    return version
