"""Reads of the model registry."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from experiments import selectors as experiments
from models_registry.gates import DIRECTIONS, HIGHER_IS_BETTER
from models_registry.models import Alias, AliasMove, GateResult, ModelVersion, RegisteredModel

CHAMPION = "champion"
#: What was champion before the present one: kept by the moves of ``champion``, never set by hand.
PREVIOUS = "previous"


def champion_of(model: RegisteredModel) -> ModelVersion | None:
    """Return the version that the alias ``champion`` points at."""
    alias = (
        Alias.objects.filter(model=model, name=CHAMPION)
        .select_related("version__model", "version__dataset_version", "version__run")
        .first()
    )
    return alias.version if alias else None


def current_gate_results(version: ModelVersion) -> QuerySet[GateResult]:
    """Return what the gates said at the latest evaluation."""
    return version.gate_results.filter(is_current=True)


def known_metrics(model: RegisteredModel) -> list[str]:
    """Return the metrics that a gate of this model may look at.

    These are the metrics that its newest version has; while it has no version, those of all tasks.
    """
    newest = model.versions.order_by("-number").only("task", "metrics").first()
    if newest is None:
        return sorted(HIGHER_IS_BETTER)
    return sorted(newest.metrics or DIRECTIONS[newest.task])


def models_with_aliases(models: QuerySet[RegisteredModel]) -> QuerySet[RegisteredModel]:
    """Load what a list of models shows in a fixed number of queries."""
    return (
        models.select_related("project", "created_by")
        .annotate(version_count=Count("versions"), latest_number=Max("versions__number"))
        .prefetch_related(Prefetch("aliases", queryset=Alias.objects.select_related("version")))
        .order_by("name", "pk")  # grouping drops the model's own order
    )


def with_gates_and_aliases(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Load what a list of versions shows in a fixed number of queries."""
    return versions.select_related(
        "model", "run", "dataset_version__dataset", "created_by"
    ).prefetch_related(
        "aliases",
        Prefetch(
            "gate_results",
            queryset=GateResult.objects.filter(is_current=True),
            to_attr="current_results",
        ),
    )


def _upload_of(version: ModelVersion) -> dict[str, Any] | None:
    """Return who brought a version that was made elsewhere, and what its file said of itself."""
    if not version.is_uploaded:
        return None
    told = {key: value for key, value in version.upload.items() if key != "binding"}
    by = version.created_by
    return {**told, "by": by.get_username() if by is not None else "system"}


def lineage_of(version: ModelVersion) -> dict[str, Any]:
    """Return where a version comes from and who let it through, as JSON-compatible values."""
    run = version.run
    data = version.dataset_version
    moves = AliasMove.objects.filter(to_version=version).order_by("id")
    return {
        "model_version": {
            "id": version.pk,
            "model": version.model.name,
            "number": version.number,
            "estimator": version.estimator,
            "artifact_sha256": version.artifact_digest,
            "runtime": version.runtime,
            "seed": version.seed,
            "created_at": version.created_at,
            "recipe": version.spec.get("recipe"),
            "split": version.spec.get("split"),
        },
        "upload": _upload_of(version),
        "run": None
        if run is None
        else {"id": run.pk, "run_id": run.run_id, "status": run.status, "job": run.job_id},
        "dataset_version": None
        if data is None
        else {
            "id": data.pk,
            "dataset": data.dataset.name,
            "owner": data.dataset.project.slug,
            "number": data.number,
            "rows": data.row_count,
            "sha256": data.sha256,
            "source": data.source,
        },
        "gates": [
            {
                "name": result.name,
                "passed": result.passed,
                "value": result.value,
                "threshold": result.threshold,
                "reason": result.reason,
                "at": result.at,
            }
            for result in current_gate_results(version)
        ],
        "promotions": [
            {
                "alias": move.name,
                "from_version": move.from_version_id,
                "by": move.moved_by_name,
                "reason": move.reason,
                "at": move.at,
            }
            for move in moves
        ],
        "approvals": [
            {
                "status": approval.status,
                "requested_by": approval.requested_by.get_username(),
                "decided_by": approval.decided_by.get_username() if approval.decided_by else None,
                "decided_at": approval.decided_at,
            }
            for approval in version.approvals.select_related("requested_by", "decided_by")
        ],
    }


def keeps_blob(digest: str) -> bool:
    """Whether a model version or a run keeps a file of this digest."""
    kept = (
        Q(artifact_digest=digest)
        | Q(onnx_digest=digest)
        | Q(plan_digest=digest)
        | Q(reference_digest=digest)
    )
    return ModelVersion.objects.filter(kept).exists() or experiments.keeps_blob(digest)
