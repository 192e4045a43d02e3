"""One change of a dataset at a time."""

from __future__ import annotations

from accounts.principals import Principal
from core.errors import NotFound
from datasets.models import Dataset


def lock_dataset(principal: Principal, dataset: Dataset) -> Dataset:
    """Lock the row of a dataset of the caller's project until the transaction ends."""
    locked = (
        Dataset.objects.select_for_update()
        .filter(pk=dataset.pk, project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such dataset.")
    return locked
