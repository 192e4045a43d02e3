"""Measuring answers against the truth, and the sample of answers that production is compared with."""

from __future__ import annotations

from models_registry.evaluation.anomalies import (
    anomaly_metrics,
    rank_correlation,
    stability,
)
from models_registry.evaluation.baseline import baseline_metrics
from models_registry.evaluation.metrics import metrics_of
from models_registry.evaluation.reference import (
    PREDICTION_COLUMN,
    SCORE_COLUMN,
    reference_table,
)

__all__ = [
    "PREDICTION_COLUMN",
    "SCORE_COLUMN",
    "anomaly_metrics",
    "baseline_metrics",
    "metrics_of",
    "rank_correlation",
    "reference_table",
    "stability",
]
