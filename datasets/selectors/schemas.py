"""Reads of the edited schemas."""

from __future__ import annotations

from datasets.models import Dataset, DatasetSchema, DatasetVersion
from datasets.schema import Schema
from datasets.selectors.datasets import latest_ready_version


def active_schema_row(dataset: Dataset) -> DatasetSchema | None:
    """Return the revision that is in force, if a schema was edited and not released since."""
    return DatasetSchema.objects.filter(dataset_id=dataset.pk, is_active=True).first()


def active_schema(dataset: Dataset) -> Schema | None:
    """Return what the rows of the next version are held to; None when only what was inferred counts."""
    row = active_schema_row(dataset)
    return None if row is None else row.schema


def is_held_to_active_schema(version: DatasetVersion) -> bool:
    """Whether the rows of a version were held to the revision in force, or to none while there is none."""
    row = active_schema_row(version.dataset)
    return Schema.from_dict(version.schema).revision == (None if row is None else row.revision)


def schema_to_edit(
    dataset: Dataset, version: DatasetVersion | None = None
) -> tuple[Schema, DatasetVersion | None]:
    """Return what an editor begins with: the revision in force, else what the newest version has.

    Parameters
    ----------
    version
        Begin with what this version has instead.

    Returns
    -------
    tuple
        The schema, and the version that it was read off (None for a revision, or without any version).
    """
    if version is None:
        declared = active_schema(dataset)
        if declared is not None:
            return declared, None
        version = latest_ready_version(dataset)
    if version is None:
        return Schema(()), None
    return Schema(Schema.from_dict(version.schema).columns), version
