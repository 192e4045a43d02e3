"""Metrics of predictions whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models_registry.evaluation import anomaly_metrics, metrics_of

#: With fewer labels no metric is given.
FEWEST_LABELS = 20


@dataclass(frozen=True, slots=True)
class Performance:
    """What is known of a window of ``predictions`` predictions.

    Attributes
    ----------
    metrics
        By name; empty when there are fewer than 20 labels.
    """

    predictions: int
    labels: int
    metrics: dict[str, float | None]

    @property
    def coverage(self) -> float:
        """Share of the predictions whose truth is known, in [0, 1]."""
        return self.labels / self.predictions if self.predictions else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the performance as JSON-compatible values."""
        return {
            "predictions": self.predictions,
            "labels": self.labels,
            "coverage": self.coverage,
            "status": "measured" if self.metrics else "not_enough_data",
            "metrics": self.metrics,
        }


def realised_performance(
    *,
    predictions: int,
    truth: Sequence[Any],
    labels: Sequence[Any],
    probabilities: Sequence[Sequence[float]] | None,
    classes: Sequence[Any] | None,
    finds_anomalies: bool = False,
) -> Performance:
    """Return the performance of the n predictions whose truth is known.

    Parameters
    ----------
    predictions
        How many predictions the window has, with and without truth.
    truth, labels
        What was true and what was predicted, n of each.
    probabilities
        n × number of classes, in the order of ``classes``; None for a regressor.
    finds_anomalies
        Whether the predictions are anomaly scores, and the truth says whether there was one.
    """
    if len(truth) < FEWEST_LABELS:
        return Performance(predictions, len(truth), {})
    if finds_anomalies:
        flags = np.asarray(truth, dtype=object)
        ranked = anomaly_metrics(flags, np.asarray(labels, dtype=np.float64))
        return Performance(predictions, len(truth), ranked)
    values = metrics_of(
        truth=np.asarray(truth, dtype=object if classes is not None else np.float64),
        labels=labels,
        probabilities=None if probabilities is None else np.asarray(probabilities, np.float64),
        classes=classes,
    )
    return Performance(predictions, len(truth), values)
