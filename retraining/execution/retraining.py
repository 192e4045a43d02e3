"""The retraining job: a challenger is made of the newest labelled rows and meets the champion.

What comes before the conclusion may be done twice without harm: rows are written to the lake under a name
of their own, files are content-addressed. All rows of the database are written by the conclusion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from accounts.principals import system_principal
from core.errors import DomainError
from datasets.errors import ChecksFailed
from datasets.execution.checking import check_before_ready
from datasets.execution.declared import reading_schema
from datasets.execution.recording import (
    dataset_beside,
    fail_waiting_version,
    make_ready,
    waiting_version,
)
from datasets.execution.writing import Mode, WrittenVersion, write_version
from datasets.models import Dataset, DatasetVersion, VersionStatus
from datasets.schema import Schema
from datasets.schema.arrow import normalise_batch, schema_from_arrow
from datasets.schema.enforcement import enforced
from datasets.selectors import active_schema, latest_ready_version
from experiments import services as experiments
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobStatus
from models_registry.loading import load_version
from retraining.champion_challenger import compare
from retraining.execution.gathering import (
    Labels,
    Material,
    Request,
    gather_labels,
    prepare,
    read_request,
)
from retraining.execution.judging import challenger_runtime, meet
from retraining.execution.recording import record_comparison, record_failure, record_shortage
from retraining.models import RetrainVerdict
from serving.execution import follow_champion
from training.execution import (
    FittedVersion,
    TrainingSpec,
    declared_schema_of,
    fit_version,
    record_fitted,
    store_files,
)

_BATCH_ROWS = 65_536


def retrain(context: JobContext) -> Conclude:
    """Train a challenger on what production has taught, and let it meet the champion.

    Job arguments: ``policy`` (id), ``trigger`` and ``alert`` (id or None). Result: ``decision`` and
    ``verdict``, and ``model_version`` and ``dataset_version`` where a challenger was made.
    """
    context.progress(0.02, "looking for labelled rows")
    request = read_request(context)
    labels = gather_labels(request)
    if len(labels.fresh) < request.policy.min_labels:
        return _conclude_shortage(context, request, labels)
    context.progress(0.08, "putting the rows together")
    material = prepare(request, labels, job_id=str(context.job_id))
    data = _data(context, request, material)
    fitted = _fit(context, request, material, data.schema)
    context.progress(0.85, "challenger meets champion")
    contest = meet(
        champion=load_version(request.champion),
        champion_signature=request.signature,
        challenger=challenger_runtime(fitted),
        challenger_signature=fitted.signature,
        newest=material.newest,
        older=material.older,
        target=request.target,
    )
    comparison = compare(
        contest.champion_losses,
        contest.challenger_losses,
        margin=request.policy.margin,
        horizon=request.policy.horizon_rows,
    )
    context.progress(0.95, "storing the files")
    files = store_files(fitted)

    def conclude() -> Mapping[str, Any]:
        dataset_version = data.made_ready(context)
        experiment = experiments.get_or_create_experiment(
            principal=context.principal, name=request.champion.model.name
        )
        run = experiments.create_run(
            principal=context.principal,
            experiment=experiment,
            name=f"Challenger of {request.champion}",
            dataset_version=dataset_version,
        )
        run.job_id = context.job_id
        run.save(update_fields=["job"])
        challenger = record_fitted(
            principal=context.principal,
            model=request.champion.model,
            run=run,
            dataset_version=dataset_version,
            fitted=fitted,
            files=files,
        )
        decision = record_comparison(
            principal=context.principal,
            job_id=context.job_id,
            request=request,
            labels=labels,
            contest=contest,
            comparison=comparison,
            challenger=challenger,
            dataset_version=dataset_version,
            rows_added=material.rows_added,
        )
        if decision.verdict == RetrainVerdict.PROMOTED:
            follow_champion(request.policy.endpoint, principal=context.principal)
        return {
            "decision": decision.pk,
            "verdict": decision.verdict,
            "model_version": challenger.pk,
            "dataset_version": dataset_version.pk,
        }

    return conclude


def retrain_failed(job: Job) -> None:
    """Leave a decision that says why there is none; training data that waited for its checks fails too."""
    fail_waiting_version(job)
    data = DatasetVersion.objects.filter(job=job).order_by("-number").first()
    reason = {
        JobStatus.CANCELLED: "The retraining was cancelled.",
        JobStatus.TIMED_OUT: "The retraining took longer than it may.",
    }.get(JobStatus(job.status), f"The retraining failed: {job.error_message or job.status}")
    if job.error_code == ChecksFailed.code and data is not None:
        reason = (
            f"The training data, {data}, is held back by its checks: {job.error_message} "
            "Mend the data or the check, or let the version through, and try the job again."
        )
    record_failure(
        principal=system_principal(job.project),
        job_id=job.pk,
        request=job.arguments,
        reason=reason,
        dataset_version=data,
    )


def _conclude_shortage(context: JobContext, request: Request, labels: Labels) -> Conclude:
    def conclude() -> Mapping[str, Any]:
        decision = record_shortage(
            principal=context.principal, job_id=context.job_id, request=request, labels=labels
        )
        return {"decision": decision.pk, "verdict": decision.verdict}

    return conclude


def _write(context: JobContext, request: Request, material: Material) -> WrittenVersion:
    """Write the training data: below the champion's where that is the newest, else as a whole."""
    base = _base(request)
    dataset = _dataset(context, request)
    appends = material.appends and latest_ready_version(dataset) == base
    mode: Mode = "append" if appends else "replace"
    table = material.older if appends else material.training
    found, declared = schema_from_arrow(table.schema), active_schema(dataset)
    schema = reading_schema(found, declared, base if appends else None) or found
    return write_version(
        dataset=dataset,
        table_or_batches=table if declared is None else lambda: _enforced(table, schema),
        schema=schema,
        transaction_id=f"{material.transaction_id}:{mode}",
        mode=mode,
        parent=base if appends else None,
        progress=lambda fraction, stage: context.progress(0.1 + 0.15 * fraction, stage),
    )


def _enforced(table: pa.Table, schema: Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows with the types of the dataset's edited schema, held to its limits."""
    batches = table.to_batches(max_chunksize=_BATCH_ROWS)
    return enforced((normalise_batch(batch, schema) for batch in batches), schema)


def _fit(
    context: JobContext, request: Request, material: Material, schema: Schema
) -> FittedVersion:
    """Fit a challenger as the champion was fitted: same features, estimator, parameters and seed.

    The seed stays what it was, so that the rows are all that the two differ in: a challenger that wins
    has learned something, it was not lucky with another split.
    """
    spec, base = TrainingSpec.from_dict(request.champion.spec), _base(request)

    def tell(fraction: float, stage: str, message: str) -> None:
        context.progress(0.25 + 0.6 * fraction, stage, message)

    return fit_version(
        spec,
        material.training.select(list(spec.columns)),
        types={column.name: column.type for column in schema},
        declared=schema if schema.revision is not None else declared_schema_of(base),
        progress=tell,
    )


@dataclass(frozen=True, slots=True)
class _Data:
    """The training data in the lake, and the version that is, or waits to be, made of it."""

    version: DatasetVersion
    written: WrittenVersion | None

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self.written.schema if self.written else Schema.from_dict(self.version.schema)

    def made_ready(self, context: JobContext) -> DatasetVersion:
        """Pin the rows; a version that came in meanwhile does not take away what these are made of."""
        if self.written is None:
            return self.version
        return make_ready(
            principal=context.principal,
            version=self.version,
            written=self.written,
            source=self.version.source,
            expects_newest=False,
        )


def _data(context: JobContext, request: Request, material: Material) -> _Data:
    """Write the training data and let it wait in a version of its own for the dataset's checks.

    A version of an earlier attempt with the same rows that a person has let through meanwhile is taken as it is.

    Raises
    ------
    datasets.errors.ChecksFailed
        Checks hold it back: no challenger is made of it.
    """
    base, dataset = _base(request), _dataset(context, request)
    released = dataset.versions.filter(
        job_id=context.job_id,
        status=VersionStatus.READY,
        source__written_as=material.transaction_id,
    ).first()
    if released is not None:
        return _Data(released, None)
    written = _write(context, request, material)
    source = {
        "kind": "production",
        "endpoint": request.policy.endpoint.name,
        "base_version": base.pk,
        "rows_added": material.rows_added,
        "labels_through": material.labels_through,
        "written_as": material.transaction_id,
    }
    version = waiting_version(
        principal=context.principal,
        dataset=dataset,
        source=source,
        job_id=context.job_id,
        parent=base,
    )
    check_before_ready(version, written, source=source, job_id=context.job_id)
    return _Data(version, written)


def _dataset(context: JobContext, request: Request) -> Dataset:
    """Return where the training data go: never into the dataset of another project.

    What another project shares is extended in a dataset of one's own, which the grant keeps ruling.
    """
    return dataset_beside(_base(request).dataset, principal=context.principal)


def _base(request: Request) -> DatasetVersion:
    base = request.champion.dataset_version
    if base is None:
        raise DomainError("The champion was not trained here from a dataset version.")
    return base
