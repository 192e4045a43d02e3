"""Reads of batch scorings."""

from __future__ import annotations

from django.db.models import QuerySet

from serving.models import BatchScoring


def with_related(scorings: QuerySet[BatchScoring]) -> QuerySet[BatchScoring]:
    """Load what a list of scorings shows in one query, without the profiles and schemas of the versions."""
    return scorings.select_related(
        "project",
        "job",
        "created_by",
        "model_version__model",
        "dataset_version__dataset",
        "output_dataset",
        "output_version__dataset",
    ).defer(
        *("dataset_version__profile", "dataset_version__schema"),
        *("output_version__profile", "output_version__schema"),
        *("model_version__signature", "model_version__runtime_report"),
    )
