"""Carrying out a training run."""

from __future__ import annotations

from training.execution.fitting import FittedVersion, fit_version
from training.execution.job import (
    declared_schema_of,
    record_fitted,
    store_files,
    train,
    train_failed,
)
from training.execution.spec import TrainingSpec

__all__ = [
    "FittedVersion",
    "TrainingSpec",
    "declared_schema_of",
    "fit_version",
    "record_fitted",
    "store_files",
    "train",
    "train_failed",
]
