"""Reads of the monitoring room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pandas as pd
from django.db.models import QuerySet

from models_registry.signatures import Signature
from monitoring.models import Alert, AlertStatus, ColumnDrift, DriftReport, GroundTruth
from serving.models import Endpoint
from serving.selectors.predictions import predictions


def open_alerts(project_ids: Sequence[int]) -> QuerySet[Alert]:
    """Return the alerts of projects that somebody should look at, the newest first."""
    return Alert.objects.filter(
        project__in=project_ids, status__in=[AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED]
    ).select_related("endpoint", "report")


def drift_reports() -> QuerySet[DriftReport]:
    """Return all reports with what their lists show."""
    return DriftReport.objects.select_related("endpoint__project", "model_version__model", "job")


def columns_by_effect(report: DriftReport) -> QuerySet[ColumnDrift]:
    """Return the columns of a report, the largest effect first."""
    return report.columns.order_by("-effect_size", "id")


def labels_between(*, endpoint: Endpoint, start: datetime, end: datetime) -> dict[str, Any]:
    """Return the known truth of predictions with ``start <= at < end``, by prediction id."""
    rows = GroundTruth.objects.filter(
        endpoint=endpoint, predicted_at__gte=start, predicted_at__lt=end
    ).values_list("prediction_id", "value")
    return {str(prediction_id): value for prediction_id, value in rows}


def ground_truth_of(*, project_id: int, prediction_id: UUID) -> Any:
    """Return what really happened for a prediction; None when nobody has said so yet."""
    return (
        GroundTruth.objects.filter(project_id=project_id, prediction_id=prediction_id)
        .values_list("value", flat=True)
        .first()
    )


def labelled_predictions(*, endpoint: Endpoint, newest: int) -> pd.DataFrame:
    """Return the endpoint's newest labelled predictions in the order in which their labels arrived.

    Returns
    -------
    pandas.DataFrame
        As :func:`joined_with_predictions`.
    """
    chosen = GroundTruth.objects.filter(endpoint=endpoint).order_by("-id")[:newest]
    return joined_with_predictions(endpoint=endpoint, labels=_frame(chosen).iloc[::-1])


def labels_in_order_of_arrival(
    *, endpoint: Endpoint, after: datetime | None, until: datetime, most: int | None = None
) -> pd.DataFrame:
    """Return labels that arrived after a moment and not later than another, the oldest first; all, or the first ones.

    Returns
    -------
    pandas.DataFrame
        With ``prediction_id``, ``label``, ``predicted_at`` and ``received_at``.
    """
    chosen = GroundTruth.objects.filter(endpoint=endpoint, received_at__lte=until)
    if after is not None:
        chosen = chosen.filter(received_at__gt=after)
    return _frame(chosen.order_by("received_at", "id")[:most])


def _frame(labels: QuerySet[GroundTruth]) -> pd.DataFrame:
    frame = pd.DataFrame(
        list(labels.values_list("prediction_id", "value", "predicted_at", "received_at")),
        columns=["prediction_id", "label", "predicted_at", "received_at"],
    )
    frame["prediction_id"] = frame["prediction_id"].astype(str)
    return frame


def joined_with_predictions(*, endpoint: Endpoint, labels: pd.DataFrame) -> pd.DataFrame:
    """Return labels with the predictions that they are of, in the order of the labels.

    Returns
    -------
    pandas.DataFrame
        Columns ``prediction_id``, ``label``, ``prediction``, ``model_version_id``, ``at``, ``received_at``
        and ``features``: a dictionary in each row, so that a feature may have any name, also one of
        these. Labels whose prediction is not in the lake yet are left out.
    """
    kept = ["prediction_id", "label", "model_version_id", "at", "received_at"]
    empty = pd.DataFrame(columns=[*kept, "prediction", "features"])
    if labels.empty:
        return empty
    window = predictions(
        project_id=endpoint.project_id,
        endpoint_id=endpoint.pk,
        start=labels["predicted_at"].min(),
        end=labels["predicted_at"].max() + timedelta(microseconds=1),
        columns=["prediction_id", "features", "prediction", "model_version_id", "at"],
    )
    if window is None or window.num_rows == 0:
        return empty
    joined = labels.merge(window.to_pandas(), on="prediction_id", how="inner").reset_index(
        drop=True
    )
    if joined.empty:
        return empty
    return joined[kept].assign(
        prediction=[orjson.loads(text) for text in joined["prediction"]],
        features=[orjson.loads(text) for text in joined["features"]],
    )


def numeric_columns(signature: Signature) -> dict[str, bool]:
    """Return for each input whether it holds numbers (truth values are categories here).

    Moments are left out: they always differ from what they were.
    """
    return {
        field.name: field.type in ("number", "integer")
        for field in signature.inputs
        if field.format is None
    }
