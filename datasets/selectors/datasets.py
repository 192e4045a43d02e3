"""Reads of the datasets room."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.fields.reverse_related import ForeignObjectRel

from accounts.models import Project
from datasets.models import Dataset, DatasetVersion, Use, VersionStatus
from datasets.selectors.sharing import datasets_usable_in


def latest_ready_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the ready version with the highest number, if there is one."""
    return dataset.versions.filter(status=VersionStatus.READY).order_by("-number").first()


def earlier_versions_building(version: DatasetVersion) -> QuerySet[DatasetVersion]:
    """Return the versions of the same dataset that were asked for before and are not done yet."""
    return DatasetVersion.objects.filter(
        dataset_id=version.dataset_id, number__lt=version.number, status=VersionStatus.BUILDING
    )


def datasets_with_counts(queryset: QuerySet[Dataset]) -> QuerySet[Dataset]:
    """Add ``version_count``, and number, id and row count of the newest ready version; by name."""
    newest = DatasetVersion.objects.filter(
        dataset=OuterRef("pk"), status=VersionStatus.READY
    ).order_by("-number")
    return queryset.annotate(
        version_count=Count("versions"),
        latest_version_id=Subquery(newest.values("pk")[:1]),
        latest_version_number=Subquery(newest.values("number")[:1]),
        latest_row_count=Subquery(newest.values("row_count")[:1]),
    ).order_by("name")


def what_uses(dataset: Dataset) -> list[str]:
    """Name what other rooms have built on a dataset or its versions, e.g. ``3 runs``.

    The rooms above are not imported; their foreign keys are found through Django's registry.
    """
    found: list[str] = []
    version_ids = dataset.versions.values("pk")
    for model, keys in ((Dataset, [dataset.pk]), (DatasetVersion, version_ids)):
        for relation in model._meta.related_objects:
            related = _model_above(relation)
            if related is None:
                continue
            count = related._default_manager.filter(**{f"{relation.field.name}__in": keys}).count()
            if count:
                names = related._meta
                found.append(
                    f"{count} {names.verbose_name if count == 1 else names.verbose_name_plural}"
                )
    return found


def _model_above(relation: ForeignObjectRel) -> type[Model] | None:
    related = relation.related_model
    if isinstance(related, str) or related._meta.app_label == "datasets":
        return None
    return related


def ready_versions(projects: Sequence[Project]) -> QuerySet[DatasetVersion]:
    """Return the versions that projects can train on, their own and shared ones, the newest first."""
    usable = datasets_usable_in([project.pk for project in projects], Use.TRAIN)
    return (
        DatasetVersion.objects.filter(dataset__in=usable.order_by(), status=VersionStatus.READY)
        .select_related("dataset__project")
        .order_by("-created_at")
    )
