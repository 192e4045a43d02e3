"""Validating a version: the long work between training and registration."""

from __future__ import annotations

from models_registry.execution.evaluation import evaluate, evaluate_failed
from models_registry.execution.uploading import upload_model, upload_model_failed
from models_registry.execution.validation import Candidate, ValidationOutcome, validate

__all__ = [
    "Candidate",
    "ValidationOutcome",
    "evaluate",
    "evaluate_failed",
    "upload_model",
    "upload_model_failed",
    "validate",
]
