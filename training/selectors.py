"""Reads of the training room."""

from __future__ import annotations

from django.db.models import QuerySet

from training.models import TrainingRun


def with_related(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    """Load what a list of training runs shows in one query."""
    return runs.select_related(
        "run",
        "job",
        "registered_model",
        "dataset_version__dataset",
        "model_version__model",
        "recipe_revision__recipe",
    )
