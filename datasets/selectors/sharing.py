"""Which datasets a project may use, its own and those that others have shared with it.

Whoever reaches a dataset on behalf of a caller asks here, and nowhere else, whether that is allowed:

* a list, or a look-up that answers 404: ``datasets_visible_to(principal, use)`` and
  ``versions_visible_to(principal, use)``;
* an object that was found already: ``require_use(principal, dataset, use)``, which says *not found* to those
  who may not know of the dataset, and *not allowed by the grant* to those who may;
* the admin, where a person may be a member of several projects: ``datasets_usable_in(project_ids, use)``.

``Use`` is DESCRIBE (metadata), READ (rows, profile, SQL), TRAIN or DOWNLOAD. A grant counts until the moment it
is revoked or expires; nothing is cached. Changing a dataset is for its own project alone: services check that
``dataset.project_id`` is the caller's.

A dataset that holds rows of another project's dataset (``restricted_by``: the training data of a
retraining) can be used as far as the grant on that one goes, also by its own project.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.principals import Principal
from datasets.errors import DatasetNotShared, GrantNotEnough
from datasets.models import Dataset, DatasetGrant, DatasetVersion, Use
from datasets.models.grants import levels_with


def datasets_visible_to(principal: Principal, use: Use = Use.DESCRIBE) -> QuerySet[Dataset]:
    """Return the datasets that the caller's project may use in this way, its own and shared ones."""
    return datasets_usable_in([principal.project_id], use)


def versions_visible_to(principal: Principal, use: Use = Use.DESCRIBE) -> QuerySet[DatasetVersion]:
    """Return the versions, whatever their status, of the datasets that the caller may use in this way."""
    return DatasetVersion.objects.filter(dataset__in=datasets_visible_to(principal, use).order_by())


def datasets_usable_in(
    project_ids: Collection[int], use: Use = Use.DESCRIBE, *, everything: bool = False
) -> QuerySet[Dataset]:
    """Return the datasets that at least one of these projects may use in this way.

    Parameters
    ----------
    everything
        All datasets: for those who administer the whole site.
    """
    if everything:
        return Dataset.objects.all()
    shared = _granted(project_ids, use)
    return Dataset.objects.filter(
        Q(project__in=project_ids, restricted_by__isnull=True)
        | Q(project__in=project_ids, restricted_by__in=shared)
        | Q(pk__in=shared)
    )


def may_use(project_id: int, dataset: Dataset, use: Use) -> bool:
    """Whether a project may use a dataset in this way at this moment."""
    return datasets_usable_in([project_id], use).filter(pk=dataset.pk).exists()


def require_use(
    principal: Principal, dataset: Dataset, use: Use, *, field: str | None = None
) -> None:
    """Raise unless the caller's project may use a dataset in this way at this moment.

    Raises
    ------
    DatasetNotShared
        The caller may not even know of the dataset: another project's, never shared or no longer.
    GrantNotEnough
        It is shared, but not for this.
    """
    if may_use(principal.project_id, dataset, use):
        return
    if not may_use(principal.project_id, dataset, Use.DESCRIBE):
        raise DatasetNotShared(field=field)
    raise GrantNotEnough(
        f"The dataset '{dataset.name}' is not shared for this ({use.value}).",
        field=field,
        use=use.value,
    )


def uses_of(project_id: int, dataset: Dataset) -> frozenset[Use]:
    """Return all that a project may do with a dataset at this moment; empty: nothing."""
    return frozenset(use for use in Use if may_use(project_id, dataset, use))


def grants_for(
    project_ids: Collection[int], datasets: Iterable[Dataset]
) -> dict[int, DatasetGrant]:
    """Return by dataset the grant in force under which these projects use it; one query.

    A project's own datasets have none, unless they hold rows of a shared one.
    """
    shown = list(datasets)
    sources = {one.pk: one.restricted_by_id or one.pk for one in shown}
    found = {
        grant.dataset_id: grant
        for grant in grants_in_force()
        .filter(project__in=project_ids, dataset__in=set(sources.values()))
        .order_by("id")
    }
    return {pk: found[source] for pk, source in sources.items() if source in found}


def with_grants(datasets: QuerySet[Dataset], project_ids: Collection[int]) -> QuerySet[Dataset]:
    """Add ``grant_level`` and ``grant_expires_at``: under which grant these projects use a dataset.

    Both are None for a dataset that the projects use because it is their own.
    """
    grants = (
        DatasetGrant.objects.in_force()
        .filter(
            project__in=project_ids, dataset=Coalesce(OuterRef("restricted_by"), OuterRef("pk"))
        )
        .order_by("-id")
    )
    return datasets.annotate(
        grant_level=Subquery(grants.values("level")[:1]),
        grant_expires_at=Subquery(grants.values("expires_at")[:1]),
    )


def grants_in_force() -> QuerySet[DatasetGrant]:
    """Return the grants that are neither revoked nor past their expiry."""
    return DatasetGrant.objects.in_force().select_related("dataset__project", "project")


def _granted(project_ids: Collection[int], use: Use) -> QuerySet[Any, Any]:
    """Return the ids of the datasets that others have shared with these projects for this use."""
    return (
        DatasetGrant.objects.in_force()
        .filter(project__in=project_ids, level__in=levels_with(use))
        .order_by()
        .values("dataset_id")
    )
