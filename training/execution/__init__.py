"""Carrying out a training run."""

from __future__ import annotations

from training.execution.fitting import FittedVersion, TrainingSpec, fit_version
from training.execution.job import record_fitted, store_files, train, train_failed

__all__ = [
    "FittedVersion",
    "TrainingSpec",
    "fit_version",
    "record_fitted",
    "store_files",
    "train",
    "train_failed",
]
