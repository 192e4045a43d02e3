"""The job that looks at an uploaded file, measures it and registers it."""

from __future__ import annotations

import hashlib
import io
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings
from django.db import transaction

from core.blobs import default_store
from core.errors import NotFound
from datasets import lake, uploads
from datasets.models import DatasetVersion, Use
from datasets.schema import ColumnType, Schema
from datasets.selectors import require_use
from jobs.execution import Conclude, JobContext
from jobs.models import Job, JobStatus
from models_registry.errors import DataNotUsable, DeclarationRefused, ModelRefused
from models_registry.evaluation import (
    anomaly_metrics,
    baseline_metrics,
    metrics_of,
    reference_table,
)
from models_registry.gates import Measurements
from models_registry.models import RegisteredModel
from models_registry.recording import record_validation
from models_registry.registering import VersionArtifact, register_version
from models_registry.runtimes import Runtime, Scores
from models_registry.runtimes.uploaded import Binding, UploadedRuntime
from models_registry.signatures import Columns, Signature
from models_registry.signatures.batches import missing_inputs, read_rows
from models_registry.uploads.binding import bind
from models_registry.uploads.declaring import Declaration
from models_registry.uploads.measuring import differences, runtime_report, trial_rows
from models_registry.uploads.sandbox import SandboxLimits, examine

_SEED = 0
#: A larger dataset version is measured on so many of its rows, drawn with a fixed seed.
MOST_EVALUATION_ROWS = 200_000
_BATCH_ROWS = 10_000
_SHOWN_OPERATORS = 50
_PACKAGES = ("onnx", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """What a model answered on rows of a dataset version, and what that is worth."""

    rows: Columns
    metrics: dict[str, float | None]
    baseline: dict[str, float | None]
    reference: pa.Table


def upload_model(context: JobContext) -> Conclude:
    """Look at an uploaded file, try it, measure it, and register it as a version.

    Job arguments: ``upload`` (name of the stored file), ``file_sha256``, ``filename``, ``model`` (id), ``task``,
    ``signature``, ``dataset_version`` (id or None), ``target``. Result: ``model_version`` and ``validation``.
    """
    asked = context.arguments
    model = RegisteredModel.objects.filter(
        pk=asked["model"], project_id=context.principal.project_id
    ).first()
    if model is None:
        raise NotFound("The registered model is gone.")
    data = _read(asked)
    declared = Declaration.from_dict(asked["signature"] or None)
    context.progress(0.05, "opening the file in a process of its own")
    found = examine(
        data,
        SandboxLimits(settings.MODEL_SANDBOX_MEMORY_BYTES, settings.MODEL_SANDBOX_SECONDS),
        column_count=len(declared.inputs) or None,
        texts=[one.categories for one in declared.inputs],
        on_wait=lambda: context.progress(0.1, "opening the file in a process of its own"),
    )
    context.log(
        f"{asked['filename']}: {found['facts']['nodes']} operators, made by "
        f"{found['facts']['producer'] or 'an unnamed tool'}; tried "
        + ("without a network" if not found["network"] else "where the network cannot be cut off")
    )
    signature, binding = bind(
        found, task=asked["task"], declared=declared, output_name=asked["target"]
    )
    version = _dataset_version(context)
    if version is not None:
        signature = _with_schema(signature, declared, Schema.from_dict(version.schema))
    runtime = UploadedRuntime(signature, data, binding)
    evaluated = None if version is None else _evaluate(context, runtime, signature, version)
    context.progress(0.7, "comparing answers")
    store = default_store()
    artifact = store.put_bytes(data)
    rows = trial_rows(signature, np.random.default_rng(_SEED))
    if evaluated is not None:
        rows = evaluated.rows
    wire, reload = differences(
        runtime,
        lambda: UploadedRuntime(signature, store.read(artifact.digest), binding),
        rows,
    )
    report = runtime_report(
        runtime,
        signature,
        None if evaluated is None else evaluated.rows,
        np.random.default_rng(_SEED),
    )
    context.progress(0.95, "storing")
    made = VersionArtifact(
        task=asked["task"],
        estimator="onnx",
        signature=signature.to_dict(),
        artifact_digest=artifact.digest,
        artifact_size_bytes=artifact.size_bytes,
        onnx_digest="",
        runtime=runtime.name,
        runtime_report=report,
        reference_digest=_stored_reference(evaluated),
        metrics={} if evaluated is None else evaluated.metrics,
        baseline_metrics={} if evaluated is None else evaluated.baseline,
        seed=_SEED,
        environment={
            "python": platform.python_version(),
            **{name: package_version(name) for name in _PACKAGES},
        },
        upload=_described(asked, found, binding, evaluated),
    )
    measurements = Measurements(
        metrics=made.metrics, baseline_metrics=made.baseline_metrics, wire=wire, reload=reload
    )

    def conclude() -> Mapping[str, Any]:
        registered = register_version(
            principal=context.principal,
            model=model,
            run=None,
            dataset_version=version,
            artifact=made,
        )
        judged = record_validation(
            principal=context.principal, version=registered, measurements=measurements
        )
        transaction.on_commit(lambda: uploads.discard([asked["upload"]]))
        return {"model_version": judged.pk, "validation": judged.validation}

    return conclude


def upload_model_failed(job: Job) -> None:
    """Throw the file of a cancelled job away; that of a failed one waits a week for another try."""
    if job.status == JobStatus.CANCELLED:
        uploads.discard([str(job.arguments.get("upload", ""))])


def _read(asked: Mapping[str, Any]) -> bytes:
    try:
        data = uploads.upload_path(asked["upload"]).read_bytes()
    except FileNotFoundError:
        raise ModelRefused("The uploaded file is gone; send it again.", field="file") from None
    if hashlib.sha256(data).hexdigest() != asked["file_sha256"]:
        raise ModelRefused("The uploaded file was changed on disk; send it again.", field="file")
    return data


def _dataset_version(context: JobContext) -> DatasetVersion | None:
    key = context.arguments["dataset_version"]
    if key is None:
        return None
    version = DatasetVersion.objects.select_related("dataset").filter(pk=key).first()
    if version is None:
        raise NotFound("The dataset version is gone.")
    require_use(context.principal, version.dataset, Use.TRAIN)  # a grant may have ended meanwhile
    return version


def _with_schema(signature: Signature, declared: Declaration, schema: Schema) -> Signature:
    """Return the signature with what the data says of its columns, and the file cannot know.

    Truth values that the file takes as numbers are truth values on the wire; limits and descriptions come from an
    edited schema. Whether null is a value is for the sender to say: a graph may or may not bear it.
    """
    typed = {one.name for one in declared.inputs if one.type is not None}
    fields = [
        replace(field, type="boolean")
        if field.type == "number"
        and field.name not in typed
        and field.name in schema
        and schema.column(field.name).type is ColumnType.BOOLEAN
        else field
        for field in signature.inputs
    ]
    adapted = replace(signature, inputs=tuple(fields))
    if schema.revision is None:
        return adapted
    said = adapted.declared_by(schema)
    return replace(
        said,
        inputs=tuple(
            replace(new, nullable=old.nullable, description=old.description or new.description)
            for new, old in zip(said.inputs, fields, strict=True)
        ),
    )


def _evaluate(
    context: JobContext, runtime: Runtime, signature: Signature, version: DatasetVersion
) -> _Evaluated:
    """Let the model answer rows of the dataset version; rows that do not fit it are left out and counted."""
    target = str(context.arguments["target"])
    if target in signature.names:
        raise DataNotUsable("The target cannot be an input of the model.", field="target")
    problems = missing_inputs(signature, Schema.from_dict(version.schema))
    if problems:
        name, why = next(iter(problems.items()))
        raise DataNotUsable(f"'{name}': {why}", field="signature.inputs")
    context.progress(0.2, "reading rows")
    table = lake.read_table(version, [*signature.names, *([target] if target else [])])
    if table.num_rows > MOST_EVALUATION_ROWS:
        rng = np.random.default_rng(_SEED)
        drawn = np.sort(rng.choice(table.num_rows, MOST_EVALUATION_ROWS, replace=False))
        table = table.take(pa.array(drawn))
    if target:
        known = pc.is_valid(table.column(target))
        table = table.filter(known)
    table = _fitting(context, signature, table)
    if not table.num_rows:
        raise DataNotUsable("No row of the data fits the model.", field="dataset_version")
    columns = read_rows(signature, table.combine_chunks().to_batches()[0]).columns
    scores = _in_batches(context, runtime, columns)
    features = table.select(list(signature.names)).to_pandas()
    everything = np.arange(table.num_rows)
    if not target:
        reference = reference_table(features, [(everything, scores)], seed=_SEED)
        return _Evaluated(columns, {}, {}, reference)
    truth = _truth(table.column(target).to_pylist(), signature)
    metrics, naive = _measured(truth, scores, signature)
    reference = reference_table(
        features, [(everything, scores)], target=target, truth=truth, seed=_SEED
    )
    return _Evaluated(columns, metrics, naive, reference)


def _measured(
    truth: npt.NDArray[np.object_], scores: Scores, signature: Signature
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return the metrics of answers, and those of a naive model that knows the shares of these rows."""
    if signature.task == "anomaly":
        same = np.zeros(len(truth))
        return anomaly_metrics(truth, scores.scores[:, 0]), anomaly_metrics(truth, same)
    found = metrics_of(
        truth=truth,
        labels=scores.labels,
        probabilities=scores.probabilities,
        classes=signature.classes,
    )
    return found, baseline_metrics(train=truth, test=truth, classes=signature.classes)


def _fitting(context: JobContext, signature: Signature, table: pa.Table) -> pa.Table:
    """Return the rows that the signature takes."""
    keep: list[npt.NDArray[np.bool_]] = []
    first = ""
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        read = read_rows(signature, batch)
        keep.append(~read.refused)
        first = first or next(iter(read.problems.values()), "")
    mask = np.concatenate(keep) if keep else np.zeros(0, dtype=bool)
    if not mask.all():
        context.log(
            f"{int((~mask).sum()):,} rows do not fit the model ({first}); they are left out."
        )
    return table.filter(pa.array(mask))


def _in_batches(context: JobContext, runtime: Runtime, columns: Columns) -> Scores:
    labels: list[Any] = []
    parts: list[npt.NDArray[np.float64]] = []
    for start in range(0, columns.row_count, _BATCH_ROWS):
        context.progress(0.3 + 0.4 * start / columns.row_count, "answering rows")
        scores = runtime.predict(columns.take(slice(start, start + _BATCH_ROWS)))
        labels.extend(scores.labels)
        if scores.probabilities is not None:
            parts.append(scores.probabilities)
    return Scores(labels, np.concatenate(parts) if parts else None)


def _truth(values: Sequence[Any], signature: Signature) -> npt.NDArray[np.object_]:
    """Return the true answers as the model's classes, or as finite numbers."""
    found = np.empty(len(values), dtype=object)
    if signature.task == "anomaly":
        if any(value not in (0, 1) for value in values):
            raise DataNotUsable(
                "Whether a row is an anomaly is said by true and false, or 1 and 0.", field="target"
            )
        found[:] = [bool(value) for value in values]
        return found
    if signature.classes is None:
        numbers = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(
            np.float64
        )
        if not np.isfinite(numbers).all():
            raise DataNotUsable("The target must be finite numbers.", field="target")
        found[:] = numbers.tolist()
        return found
    names = {_spelled(label): label for label in signature.classes}
    spelled = [_spelled(value) for value in values]
    unknown = sorted(set(spelled) - set(names))
    if unknown:
        raise DeclarationRefused(
            f"The target has the value '{unknown[0]}', which is none of the model's classes "
            f"{', '.join(map(str, signature.classes[:10]))}; name the classes as the data does, in the order of "
            "the model's scores.",
            field="signature.classes",
        )
    found[:] = [names[one] for one in spelled]
    return found


def _spelled(label: Any) -> str:
    """Return a class in one spelling: truth values are 1 and 0, whole floats are whole."""
    if isinstance(label, bool):
        return str(int(label))
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _stored_reference(evaluated: _Evaluated | None) -> str:
    if evaluated is None:
        return ""
    buffer = io.BytesIO()
    pq.write_table(evaluated.reference, buffer, compression="zstd")
    return default_store().put_bytes(buffer.getvalue()).digest


def _described(
    asked: Mapping[str, Any],
    found: Mapping[str, Any],
    binding: Binding,
    evaluated: _Evaluated | None,
) -> dict[str, Any]:
    """Return what is kept about the file beside the version."""
    facts = found["facts"]
    return {
        "filename": asked["filename"],
        "sha256": asked["file_sha256"],
        "producer": facts["producer"],
        "ir_version": facts["ir_version"],
        "opsets": facts["opsets"],
        "nodes": facts["nodes"],
        "operators": facts["operators"][:_SHOWN_OPERATORS],
        "scores_are": binding.meaning,
        "target": asked["target"],
        "evaluated_rows": 0 if evaluated is None else evaluated.rows.row_count,
        "binding": binding.to_dict(),
    }
