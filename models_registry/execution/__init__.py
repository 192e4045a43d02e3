"""Validating a version: the long work between training and registration."""

from __future__ import annotations

from models_registry.execution.evaluation import evaluate
from models_registry.execution.validation import Candidate, ValidationOutcome, validate

__all__ = ["Candidate", "ValidationOutcome", "evaluate", "validate"]
