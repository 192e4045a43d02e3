"""The job that compares a window of an endpoint's traffic with its model's training reference."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.blobs import default_store
from core.errors import NotFound
from jobs.execution import Conclude, JobContext
from models_registry.evaluation import PREDICTION_COLUMN
from models_registry.models import ModelVersion
from models_registry.signatures import Signature
from monitoring.drift import Thresholds, WindowResult, compare_windows, quality_of
from monitoring.errors import ReferenceMissing
from monitoring.execution.alerting import raise_drift_alert
from monitoring.execution.scheduling import policy_of
from monitoring.models import ColumnDrift, DriftReport, MonitoringPolicy, Verdict
from monitoring.performance import Performance, realised_performance
from monitoring.selectors import labels_between, numeric_columns
from serving.models import Endpoint
from serving.selectors.deployments import champion_deployment
from serving.selectors.predictions import predictions

#: Of a larger window a random sample of so many rows is compared.
MAX_ROWS = 200_000
_COLUMNS = ("prediction_id", "model_version_id", "features", "prediction", "probabilities")
_EMPTY = pa.table({name: pa.array([], pa.string()) for name in _COLUMNS})


@dataclass(frozen=True, slots=True)
class _Window:
    """The rows of one version in the window, and how many there are of others."""

    version: ModelVersion
    rows: pa.Table
    all_rows: int
    rows_of_others: int


def drift_report(context: JobContext) -> Conclude:
    """Compare, measure what is known of the performance, and open an alert where a column drifts.

    Job arguments: ``endpoint`` (id), ``start`` and ``end`` (ISO 8601). Result: ``drift_report`` and
    ``verdict``.
    """
    endpoint = (
        Endpoint.objects.select_related("project", "model")
        .filter(pk=context.arguments["endpoint"], project_id=context.principal.project_id)
        .first()
    )
    if endpoint is None:
        raise NotFound("There is no such endpoint.")
    start = datetime.fromisoformat(context.arguments["start"])
    end = datetime.fromisoformat(context.arguments["end"])
    policy = policy_of(endpoint)
    context.progress(0.05, "reading the window")
    window = _read_window(endpoint, start, end)
    signature = Signature.from_dict(window.version.signature)
    reference = _read_reference(window.version)
    current = _frame(window.rows, signature)
    # What the log hides cannot be compared with what the model learned from.
    compared = {
        name: is_number
        for name, is_number in numeric_columns(signature).items()
        if name not in endpoint.log_redaction
    }
    numeric = dict(compared)
    shown = "prediction" if "prediction" not in numeric else PREDICTION_COLUMN
    reference, current = (
        frame.rename(columns={PREDICTION_COLUMN: shown}) for frame in (reference, current)
    )
    if shown in reference.columns:
        numeric[shown] = signature.classes is None
    context.progress(0.3, "comparing columns")
    result = compare_windows(
        reference,
        current,
        numeric=numeric,
        thresholds=Thresholds(policy.drift_level, policy.effect_floor, policy.min_rows),
        on_column=lambda done: context.progress(
            0.3 + 0.5 * done / len(numeric), f"{done} of {len(numeric)} columns"
        ),
    )
    context.progress(0.85, "joining ground truth")
    performance = _performance(endpoint, start, end, window, signature)
    quality = _quality(reference, current, compared, window)

    def conclude() -> Mapping[str, Any]:
        report = _record(
            endpoint, window, (start, end), len(reference), result, performance, quality, policy
        )
        DriftReport.objects.filter(pk=report.pk).update(job_id=context.job_id)
        drifted = [one.column for one in _by_effect(result) if one.verdict == "drift"]
        if drifted:
            raise_drift_alert(principal=context.principal, report=report, columns=drifted)
        return {"drift_report": report.pk, "verdict": report.verdict}

    return conclude


def _read_window(endpoint: Endpoint, start: datetime, end: datetime) -> _Window:
    """Return the rows of the version at work; of the busiest one, when that was not asked."""
    found = predictions(
        project_id=endpoint.project_id,
        endpoint_id=endpoint.pk,
        start=start,
        end=end,
        columns=_COLUMNS,
    )
    rows = _EMPTY if found is None else found
    counts = {
        entry["values"]: entry["counts"]
        for entry in pc.value_counts(rows["model_version_id"]).to_pylist()
    }
    present = champion_deployment(endpoint)
    chosen = present.model_version_id if present is not None else None
    if counts and chosen not in counts:
        chosen = max(counts, key=lambda version: counts[version])
    version = ModelVersion.objects.select_related("model").filter(pk=chosen or 0).first()
    if version is None:
        raise ReferenceMissing("The endpoint has never served a model version.")
    if counts:
        rows = rows.filter(pc.equal(rows["model_version_id"], version.pk))
    count = rows.num_rows
    if count > MAX_ROWS:
        picked = np.random.default_rng(0).choice(count, MAX_ROWS, replace=False)
        rows = rows.take(pa.array(np.sort(picked)))
    return _Window(version, rows, count, sum(counts.values()) - count)


def _read_reference(version: ModelVersion) -> pd.DataFrame:
    if not version.reference_digest:
        raise ReferenceMissing(f"{version} was not trained here, so it has no training reference.")
    data = default_store().read(version.reference_digest)
    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame


def _frame(rows: pa.Table, signature: Signature) -> pd.DataFrame:
    """Return features and prediction of logged rows, shape (m, inputs + 1)."""
    records = [orjson.loads(text) for text in rows["features"].to_pylist()]
    frame = pd.DataFrame.from_records(records, columns=list(signature.names))
    frame[PREDICTION_COLUMN] = [orjson.loads(text) for text in rows["prediction"].to_pylist()]
    return frame


def _performance(
    endpoint: Endpoint, start: datetime, end: datetime, window: _Window, signature: Signature
) -> Performance:
    truth = labels_between(endpoint=endpoint, start=start, end=end)
    ids = window.rows["prediction_id"].to_pylist()
    known = [index for index, key in enumerate(ids) if key in truth]
    labels = window.rows["prediction"].to_pylist()
    probabilities = window.rows["probabilities"].to_pylist()
    return realised_performance(
        predictions=len(ids),
        truth=[truth[ids[index]] for index in known],
        labels=[orjson.loads(labels[index]) for index in known],
        probabilities=None
        if signature.classes is None
        else [probabilities[index] for index in known],
        classes=signature.classes,
        finds_anomalies=signature.task == "anomaly",
    )


def _quality(
    reference: pd.DataFrame, current: pd.DataFrame, numeric: Mapping[str, bool], window: _Window
) -> dict[str, Any]:
    return {
        "rows": window.all_rows,
        "rows_compared": len(current),
        "rows_of_other_versions": window.rows_of_others,
        "duplicate_rows": float(current[list(numeric)].duplicated().mean())
        if len(current)
        else 0.0,
        "columns": {
            name: quality_of(reference[name], current[name], is_numeric=numeric[name]).to_dict()
            for name in numeric
        },
    }


def _by_effect(result: WindowResult) -> list[Any]:
    return sorted(result.columns, key=lambda one: -(one.effect_size or 0.0))


def _record(
    endpoint: Endpoint,
    window: _Window,
    span: tuple[datetime, datetime],
    reference_rows: int,
    result: WindowResult,
    performance: Performance,
    quality: Mapping[str, Any],
    policy: MonitoringPolicy,
) -> DriftReport:
    report = DriftReport.objects.create(
        endpoint=endpoint,
        model_version=window.version,
        window_start=span[0],
        window_end=span[1],
        reference_rows=reference_rows,
        current_rows=window.rows.num_rows,
        verdict=Verdict(result.verdict),
        label_coverage=performance.coverage,
        performance={**performance.to_dict(), "held_out": window.version.metrics},
        data_quality=quality,
        policy={
            "drift_level": policy.drift_level,
            "effect_floor": policy.effect_floor,
            "min_rows": policy.min_rows,
        },
    )
    ColumnDrift.objects.bulk_create(
        ColumnDrift(
            report=report,
            column=one.column,
            kind=one.kind,
            statistic="chi_square",
            value=one.value,
            effect_size=one.effect_size,
            effect_floor=policy.effect_floor,
            p_value=one.p_value,
            q_value=one.q_value,
            verdict=Verdict(one.verdict),
            detail=dict(one.detail),
        )
        for one in result.columns
    )
    return report
