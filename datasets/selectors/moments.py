"""Versions of the past: by number, by date, and by the names that SQL uses."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.principals import Principal
from core.errors import NotFound
from datasets.errors import VersionNotReady
from datasets.models import Dataset, DatasetVersion, Use, VersionStatus
from datasets.querying.values import moment
from datasets.selectors.datasets import latest_ready_version
from datasets.selectors.sharing import datasets_visible_to

_LATEST = "latest"
_WITH_ROWS = (VersionStatus.READY, VersionStatus.ARCHIVED)


def version_at(dataset: Dataset, at: datetime) -> DatasetVersion:
    """Return the newest version that was ready at a moment, also when it was put aside after it.

    A version that checks held back counts from when it was let through. The time for which one was put aside is
    forgotten when it is restored.

    Raises
    ------
    NotFound
        There was none yet.
    """
    found = (
        dataset.versions.filter(status__in=_WITH_ROWS, delta_version__isnull=False)
        .filter(ready_at__lte=at)
        .exclude(archived_at__lte=at)
        .order_by("-number")
        .first()
    )
    if found is None:
        raise NotFound(f"'{dataset.name}' had no ready version at {at.isoformat()}.", field="time")
    return found


def version_numbered(dataset: Dataset, number: int) -> DatasetVersion:
    """Return the version of a dataset with this number.

    Raises
    ------
    NotFound
        There is none.
    VersionNotReady
        It has no rows (yet).
    """
    found = dataset.versions.filter(number=number).first() if number < 2**31 else None
    if found is None:
        raise NotFound(f"'{dataset.name}' has no version {number}.", field="number")
    if not found.has_rows:
        raise VersionNotReady(f"{found} is {found.status}; it has no rows to read.")
    return found


@dataclass(frozen=True, slots=True)
class TableName:
    """A name of SQL, taken apart: ``people``, ``people@3``, ``people@2026-01-31``, ``people@latest``.

    A dataset of another project that is shared with the caller's is ``project/people``.
    """

    dataset: str
    number: int | None = None
    at: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Take a name apart: what follows the last ``@`` counts when it is a number, moment or ``latest``."""
        name, sign, suffix = text.rpartition("@")
        if not sign or not name:
            return cls(text)
        if suffix == _LATEST:
            return cls(name)
        if suffix.isascii() and suffix.isdigit() and len(suffix) < 10:
            return cls(name, number=int(suffix))
        try:
            return cls(name, at=moment(suffix))
        except ValueError:
            return cls(text)


def version_named(principal: Principal, text: str, use: Use) -> DatasetVersion | None:
    """Return the version that a name of SQL means to a caller; None when there is no such dataset.

    The spelling counts first; when no dataset has it, upper and lower case are overlooked.

    Raises
    ------
    NotFound, VersionNotReady
        The dataset is there, but not this version of it.
    """
    name = TableName.parse(text)
    dataset = _dataset_named(principal, unicodedata.normalize("NFC", name.dataset), use)
    if dataset is None:
        return None
    if name.number is not None:
        return version_numbered(dataset, name.number)
    if name.at is not None:
        return version_at(dataset, name.at)
    found = latest_ready_version(dataset)
    if found is None:
        raise VersionNotReady(f"'{dataset.name}' has no ready version.")
    return found


def _dataset_named(principal: Principal, name: str, use: Use) -> Dataset | None:
    visible = datasets_visible_to(principal, use).select_related("project")
    own = _one(visible.filter(project_id=principal.project_id), name)
    if own is not None or "/" not in name:
        return own
    slug, _, rest = name.partition("/")
    return _one(visible.filter(project__slug=slug), rest)


def _one(datasets: QuerySet[Dataset], name: str) -> Dataset | None:
    exact = datasets.filter(name=name).order_by("pk").first()
    if exact is not None:
        return exact
    alike = list(datasets.filter(name__iexact=name).order_by("pk")[:2])
    return alike[0] if len(alike) == 1 else None


def sql_name(dataset: Dataset, project_id: int) -> str:
    """Return how a dataset is named in SQL by a project, without quotes."""
    name = dataset.name
    if TableName.parse(name).dataset != name:
        name = f"{name}@{_LATEST}"
    return name if dataset.project_id == project_id else f"{dataset.project.slug}/{name}"
