"""The training job, and what it leaves: run, metrics, files, model version."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from django.db import transaction

from accounts.principals import Principal
from core.blobs import default_store
from core.errors import NotFound
from datasets import lake
from datasets.models import DatasetVersion, Use
from datasets.schema import Schema
from datasets.selectors import require_use
from experiments import services as experiments
from experiments.models import NEXT_STATUSES, Run, RunStatus
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobStatus
from models_registry import services as registry
from models_registry.models import ModelVersion, RegisteredModel
from training.execution.fitting import FittedVersion, fit_version
from training.execution.spec import TrainingSpec
from training.models import TrainingRun
from training.splits import SplitPolicy


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """Digests of the files of a fitted version, stored before its row is written."""

    artifact_digest: str
    artifact_size_bytes: int
    onnx_digest: str
    plan_digest: str
    reference_digest: str


def train(context: JobContext) -> Conclude:
    """Train what a training run asks for.

    Job arguments: ``training_run`` (id). Result: ``run``, ``model_version`` and ``validation``.
    """
    row = (
        TrainingRun.objects.select_related(
            "run", "registered_model", "dataset_version__dataset", "recipe_revision__recipe"
        )
        .filter(pk=context.arguments["training_run"], project_id=context.principal.project_id)
        .first()
    )
    if row is None:
        raise NotFound("There is no such training run.")
    version = row.dataset_version
    require_use(context.principal, version.dataset, Use.TRAIN)  # a grant may have ended meanwhile
    _start(row.run)
    spec = spec_of(row)
    table = lake.read_table(version, spec.columns)
    fitted = fit_version(
        spec,
        table,
        types=column_types(version),
        declared=declared_schema_of(version),
        progress=context.progress,
    )
    for warning in fitted.warnings:
        context.log(warning)
    files = store_files(fitted)

    def conclude() -> Mapping[str, Any]:
        made = record_fitted(
            principal=context.principal,
            model=row.registered_model,
            run=row.run,
            dataset_version=version,
            fitted=fitted,
            files=files,
        )
        row.model_version = made
        row.warnings = list(fitted.warnings)
        row.dropped_columns = [*row.dropped_columns, *fitted.dropped]
        row.split_report = fitted.split_report
        row.save(update_fields=["model_version", "warnings", "dropped_columns", "split_report"])
        return {
            "run": row.run.run_id,
            "model_version": made.pk,
            "validation": made.validation,
        }

    return conclude


def train_failed(job: Job) -> None:
    """Let the run follow its job's unsuccessful end."""
    row = TrainingRun.objects.select_related("run").filter(job=job).first()
    if row is None:
        return
    to = RunStatus.KILLED if job.status == JobStatus.CANCELLED else RunStatus.FAILED
    if to in NEXT_STATUSES[RunStatus(row.run.status)]:
        experiments.move_run(row.run, to)


def spec_of(row: TrainingRun) -> TrainingSpec:
    """Return a training run's row as the spec that it stands for."""
    return TrainingSpec(
        target=row.target,
        features=tuple(row.features),
        task=row.task,  # type: ignore[arg-type]  # the choices of the row are the literals
        estimator=row.estimator,
        params=row.params,
        seed=row.seed,
        holdout_fraction=row.holdout_fraction,
        folds=row.folds,
        recipe=None if row.recipe_revision is None else row.recipe_revision.pinned(),
        split=SplitPolicy.from_dict(row.split) if row.split else None,
        decision=row.decision or None,
    )


def column_types(version: DatasetVersion) -> dict[str, str]:
    """Return the type of each column of a dataset version."""
    return {column["name"]: column["type"] for column in version.schema["columns"]}


def declared_schema_of(version: DatasetVersion) -> Schema | None:
    """Return the schema of a dataset version where a person edited it; None where it was only inferred."""
    schema = Schema.from_dict(version.schema)
    return schema if schema.revision is not None else None


def store_files(fitted: FittedVersion) -> StoredFiles:
    """Store the files of a fitted version; the same files are stored once."""
    store = default_store()
    artifact = store.put_bytes(fitted.outcome.artifact)
    onnx, plan = fitted.outcome.onnx, fitted.outcome.plan
    buffer = io.BytesIO()
    pq.write_table(fitted.reference, buffer, compression="zstd")
    return StoredFiles(
        artifact_digest=artifact.digest,
        artifact_size_bytes=artifact.size_bytes,
        onnx_digest=store.put_bytes(onnx).digest if onnx is not None else "",
        plan_digest=store.put_bytes(plan).digest if plan is not None else "",
        reference_digest=store.put_bytes(buffer.getvalue()).digest,
    )


@transaction.atomic
def record_fitted(
    *,
    principal: Principal,
    model: RegisteredModel,
    run: Run,
    dataset_version: DatasetVersion,
    fitted: FittedVersion,
    files: StoredFiles,
) -> ModelVersion:
    """Write all rows of a fitted version: run, metrics, files, version and gate results.

    Call it in the transaction that ends the job (:func:`store_files` goes before).
    """
    experiments.log_params(run, _params(fitted))
    for step, fold in enumerate(fitted.fold_metrics):
        experiments.log_metrics(
            run, {f"fold_{key}": value for key, value in fold.items()}, step=step
        )
    experiments.log_metrics(run, {**fitted.metrics, **fitted.cross_validated})
    for name, plot in fitted.plots.items():
        experiments.log_artifact(
            run,
            path=f"plots/{name}.json",
            data=json.dumps(plot).encode(),
            content_type="application/json",
        )
    if run.status == RunStatus.SCHEDULED:
        experiments.move_run(run, RunStatus.RUNNING)
    experiments.move_run(run, RunStatus.FINISHED)
    version = registry.register_version(
        principal=principal,
        model=model,
        run=run,
        dataset_version=dataset_version,
        artifact=registry.VersionArtifact(
            task=fitted.spec.task,
            estimator=fitted.spec.estimator,
            signature=fitted.signature.to_dict(),
            artifact_digest=files.artifact_digest,
            artifact_size_bytes=files.artifact_size_bytes,
            onnx_digest=files.onnx_digest,
            plan_digest=files.plan_digest,
            runtime=fitted.outcome.runtime,
            runtime_report=fitted.outcome.runtime_report,
            reference_digest=files.reference_digest,
            metrics={**fitted.metrics, **fitted.cross_validated},
            baseline_metrics=fitted.baseline,
            seed=fitted.spec.seed,
            spec=fitted.spec.to_dict(),
            environment=fitted.environment,
            decision=fitted.decision.to_dict() if fitted.decision is not None else {},
        ),
    )
    return registry.record_validation(
        principal=principal, version=version, measurements=fitted.outcome.measurements
    )


def _params(fitted: FittedVersion) -> dict[str, object]:
    spec = fitted.spec
    return {
        "target": spec.target,
        "features": len(fitted.signature.inputs),
        "task": spec.task,
        "estimator": spec.estimator,
        "seed": spec.seed,
        "holdout_fraction": spec.holdout_fraction,
        "folds": spec.folds,
        "split_sha256": fitted.split_digest or "given rows",
        **{f"split.{name}": value for name, value in fitted.split_report.items() if value != ""},
        **_recipe_params(spec),
        **{f"decision.{name}": value for name, value in (spec.decision or {}).items()},
        **{f"params.{name}": value for name, value in spec.params.items()},
    }


def _recipe_params(spec: TrainingSpec) -> dict[str, object]:
    if spec.recipe is None:
        return {}
    return {
        "recipe": f"{spec.recipe['name']} r{spec.recipe['number']}",
        "recipe.revision": spec.recipe["revision"],
        "recipe.sha256": spec.recipe["sha256"],
        "recipe.steps": ", ".join(step["kind"] for step in spec.steps)[:500],
    }


def _start(run: Run) -> None:
    """Mark the run as running; on a second attempt it is already."""
    if run.status == RunStatus.SCHEDULED:
        experiments.move_run(run, RunStatus.RUNNING)
