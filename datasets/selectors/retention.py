"""What retention would do to the versions of a dataset, and what depends on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db.models import PROTECT, RESTRICT, Count, Model, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel

from datasets import lake
from datasets.errors import NoRetentionPolicy
from datasets.lake.upkeep import pinned_files
from datasets.models import Dataset, DatasetVersion, RetentionPolicy, VersionStatus
from datasets.retention import Candidate, PlannedVersion, Terms, plan
from jobs.models import Job, JobStatus


def policy_of(dataset: Dataset) -> RetentionPolicy:
    """Return the retention policy of a dataset.

    Raises
    ------
    NoRetentionPolicy
        It has none.
    """
    policy = RetentionPolicy.objects.filter(dataset=dataset).first()
    if policy is None:
        raise NoRetentionPolicy(f"There is no retention policy for {dataset.name}.")
    return policy


def files_of_versions(dataset: Dataset) -> dict[int, dict[str, int]]:
    """Return by version the files that its rows are in, with their sizes; reads the lake's log only."""
    path = lake.dataset_path(dataset)
    return {
        version.pk: pinned_files(path, version.delta_version or 0)
        for version in _with_rows(dataset)
    }


def retention_plan(
    policy: RetentionPolicy, files: Mapping[int, Mapping[str, int]], *, moment: datetime
) -> tuple[PlannedVersion, ...]:
    """Return what the policy would do at ``moment``, the newest version first; changes nothing.

    Parameters
    ----------
    files
        What :func:`files_of_versions` found: read before, so that no transaction waits for the lake.
    """
    versions = list(_with_rows(policy.dataset))
    uses = uses_of_versions([version.pk for version in versions])
    candidates = [
        Candidate(
            id=version.pk,
            number=version.number,
            created_at=version.created_at,
            # Versions that were put aside before the moment was recorded count from their making.
            archived_at=(version.archived_at or version.created_at)
            if version.status == VersionStatus.ARCHIVED
            else None,
            hold_reason=version.hold_reason,
            uses=tuple(uses.get(version.pk, ())),
            files=files.get(version.pk, {}),
        )
        for version in versions
    ]
    terms = Terms(policy.keep_last, policy.keep_days, policy.grace_days)
    return plan(candidates, terms, moment=moment)


def _with_rows(dataset: Dataset) -> QuerySet[DatasetVersion]:
    return dataset.versions.filter(
        status__in=[VersionStatus.READY, VersionStatus.ARCHIVED], delta_version__isnull=False
    )


def uses_of_versions(version_ids: Collection[int]) -> dict[int, list[str]]:
    """Name by version what depends on it, e.g. ``2 runs``; one query a relation.

    Everything in the rooms above that points at a version counts, found through Django's registry;
    within this room what would forbid to delete it (``PROTECT``), its children apart: they have rows of
    their own. A job that has not ended and names the version counts too.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for relation in DatasetVersion._meta.related_objects:
        model = _dependent(relation)
        if model is None:
            continue
        name = relation.field.name
        counts = (
            model._default_manager.filter(**{f"{name}__in": version_ids})
            .order_by()
            .values_list(name)
            .annotate(number=Count("pk"))
        )
        for version_id, number in counts:
            names = model._meta
            said = names.verbose_name if number == 1 else names.verbose_name_plural
            found[version_id].append(f"{number} {said}")
    waiting: dict[int, int] = defaultdict(int)
    unfinished = Job.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    for arguments in unfinished.values_list("arguments", flat=True):
        for version_id in _named(arguments).intersection(version_ids):
            waiting[version_id] += 1
    for version_id, number in waiting.items():
        found[version_id].append(f"{number} unfinished job{'' if number == 1 else 's'}")
    return dict(found)


def _named(arguments: Mapping[str, Any]) -> set[Any]:
    """Return the dataset versions that the arguments of a job name, alone or in a list."""
    named: set[Any] = set()
    for key, value in arguments.items():
        if "dataset_version" in key:
            named.update(value if isinstance(value, list) else [value])
    return named


def _dependent(relation: ForeignObjectRel) -> type[Model] | None:
    related = relation.related_model
    if isinstance(related, str) or related is DatasetVersion:
        return None
    is_ours = related._meta.app_label == DatasetVersion._meta.app_label
    if is_ours and getattr(relation, "on_delete", None) not in (PROTECT, RESTRICT):
        return None
    return related
