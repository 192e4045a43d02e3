"""Carrying out a check: measured in SQL over the pinned rows, then decided."""

from datasets.checking.evaluation.evaluators import evaluate
from datasets.checking.evaluation.outcomes import CheckVerdict, Outcome, Subject

__all__ = [
    "CheckVerdict",
    "Outcome",
    "Subject",
    "evaluate",
]
