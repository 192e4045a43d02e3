"""Measuring a model on rows that it did not see."""

from __future__ import annotations

from training.evaluation.baseline import baseline_metrics
from training.evaluation.metrics import classification_metrics, metrics_of, regression_metrics
from training.evaluation.plots import plots_of

__all__ = [
    "baseline_metrics",
    "classification_metrics",
    "metrics_of",
    "plots_of",
    "regression_metrics",
]
