"""Sharing a dataset in one line."""

from __future__ import annotations

from datetime import timedelta

from accounts.models import Project
from accounts.principals import system_principal
from core.clock import now
from datasets.models import Dataset, DatasetGrant, GrantLevel
from datasets.services import grant_dataset


def share(
    dataset: Dataset, project_id: int, level: GrantLevel | str, *, for_: timedelta | None = None
) -> DatasetGrant:
    """Let a project use a dataset, for so long."""
    return grant_dataset(
        principal=system_principal(dataset.project),
        dataset=dataset,
        project=Project.objects.get(pk=project_id).slug,
        level=str(level),
        expires_at=None if for_ is None else now() + for_,
    )
