"""Preprocessing and model as one scikit-learn pipeline."""

from __future__ import annotations

from training.pipeline.building import build_pipeline, fit_pipeline
from training.pipeline.columns import ColumnChoice, DroppedColumn, choose_columns, leakage_suspects

__all__ = [
    "ColumnChoice",
    "DroppedColumn",
    "build_pipeline",
    "choose_columns",
    "fit_pipeline",
    "leakage_suspects",
]
