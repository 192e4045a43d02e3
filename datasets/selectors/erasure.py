"""Reads about erasures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from datasets.models import (
    Dataset,
    DatasetSchema,
    DatasetVersion,
    ErasureRequest,
    VersionErasure,
    VersionStatus,
)
from datasets.schema import Role


def datasets_of_subjects(project_id: int) -> QuerySet[Dataset]:
    """Return the datasets in which a project's subjects may be.

    These are its own, and those that other projects have made of rows that it shares with them.
    """
    return Dataset.objects.filter(
        Q(project_id=project_id) | Q(restricted_by__project_id=project_id)
    ).order_by("id")


def versions_with_rows(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """Return the versions of a dataset that pin rows, oldest first.

    A purged version still says what it was pinned to; files of it that wait for the end of their grace
    are found as files that no version pins.
    """
    pinned = dataset.versions.filter(delta_version__isnull=False)
    return pinned.exclude(status=VersionStatus.PURGED).order_by("number")


def subject_columns(project_id: int) -> tuple[str, ...]:
    """Return the columns with the role *subject key* in a version or edited schema of a project's datasets."""
    return tuple(
        sorted(
            {
                str(column["name"])
                for column in _columns(project_id)
                if column.get("role") == Role.SUBJECT_KEY
            }
        )
    )


def is_known_column(project_id: int, name: str) -> bool:
    """Whether any version of a project's datasets has a column of that name."""
    return any(column["name"] == name for column in _columns(project_id))


def _columns(project_id: int) -> Iterator[dict[str, Any]]:
    """Yield the columns of all versions and schemas in force, those of the same name once for each role."""
    datasets = datasets_of_subjects(project_id).order_by()
    documents: list[Any] = [
        schema.get("columns", ())
        for schema in DatasetVersion.objects.filter(dataset__in=datasets).values_list(
            "schema", flat=True
        )
    ]
    documents.extend(
        DatasetSchema.objects.filter(dataset__in=datasets, is_active=True).values_list(
            "columns", flat=True
        )
    )
    seen = {(column["name"], column.get("role")): column for one in documents for column in one}
    yield from seen.values()


def versions_being_built(project_id: int) -> QuerySet[DatasetVersion]:
    """Return the versions whose rows are on their way into a dataset in which subjects may be."""
    return DatasetVersion.objects.filter(
        dataset__in=datasets_of_subjects(project_id).order_by(), status=VersionStatus.BUILDING
    )


def erasures_with_related(queryset: QuerySet[ErasureRequest]) -> QuerySet[ErasureRequest]:
    """Load what lists and pages of erasures show."""
    return queryset.select_related("project", "requested_by", "decided_by", "job")


def erasures_of_versions(request: ErasureRequest) -> QuerySet[VersionErasure]:
    """Return what an erasure did to dataset versions."""
    return request.version_erasures.select_related("version__dataset__project")
