"""Datasets: make, describe, delete."""

from __future__ import annotations

import unicodedata

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django_celery_beat.models import PeriodicTask

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid
from datasets import lake, uploads
from datasets.errors import (
    DatasetInUse,
    NameTaken,
)
from datasets.models import Dataset, RunOutcome, SourceRun, VersionStatus
from datasets.selectors import what_uses
from datasets.services.locking import lock_dataset


@transaction.atomic
def create_dataset(*, principal: Principal, name: str, description: str = "") -> Dataset:
    """Create a dataset without any version.

    Raises
    ------
    NameTaken
        The project has a dataset of that name.
    Invalid
        The name is empty, longer than 200 characters, or holds control characters.
    """
    principal.require(Permission.EDIT)
    checked = _checked_name(name)
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                project_id=principal.project_id,
                name=checked,
                description=description,
                created_by_id=principal.user_id,
            )
    except IntegrityError as error:
        raise NameTaken(f"There is a dataset named {checked!r} already.", field="name") from error
    audit.record(principal=principal, action="dataset.created", target=dataset, summary=checked)
    return dataset


@transaction.atomic
def update_dataset(
    *,
    principal: Principal,
    dataset: Dataset,
    name: str | None = None,
    description: str | None = None,
) -> Dataset:
    """Rename or describe a dataset; None leaves as it is.

    Raises
    ------
    NameTaken, Invalid
        As :func:`create_dataset`.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    wanted = {} if name is None else {"name": _checked_name(name)}
    if description is not None:
        wanted["description"] = description
    changes = audit.apply_changes(locked, wanted)
    if not changes:
        return locked
    try:
        with transaction.atomic():
            locked.save(update_fields=list(changes))
    except IntegrityError as error:
        raise NameTaken(f"There is a dataset named {name!r} already.", field="name") from error
    audit.record(principal=principal, action="dataset.changed", target=locked, changes=changes)
    return locked


@transaction.atomic
def delete_dataset(*, principal: Principal, dataset: Dataset) -> None:
    """Delete a dataset with all its versions and rows.

    Raises
    ------
    DatasetInUse
        A run, a model or anything else was made from one of its versions, or a file is being
        ingested.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    if locked.versions.filter(status=VersionStatus.BUILDING).exists():
        raise DatasetInUse("A file is being ingested into this dataset. Wait or cancel its job.")
    if SourceRun.objects.filter(source__dataset=locked, outcome=RunOutcome.WAITING).exists():
        raise DatasetInUse("A source is being read into this dataset. Wait or cancel its job.")
    uses = what_uses(locked)
    if uses:
        raise DatasetInUse(f"The dataset is used by {', '.join(uses)}.", uses=uses)
    dataset_id, name, generation = locked.pk, locked.name, locked.lake_generation
    files = [str(version.source.get("upload", "")) for version in locked.versions.all()]
    audit.record(principal=principal, action="dataset.deleted", target=locked, summary=name)
    locked.versions.update(parent=None)
    PeriodicTask.objects.filter(dataset_source__dataset=locked).delete()
    try:
        locked.delete()
    except ProtectedError as error:
        raise DatasetInUse("Something was made from this dataset.") from error

    def clean_up() -> None:
        lake.remove_dataset(dataset_id, generation=generation)
        uploads.discard(files)

    transaction.on_commit(clean_up)


def _checked_name(name: str) -> str:
    checked = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(checked) <= 200:
        raise Invalid("A name has 1 to 200 characters.", field="name")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in checked):
        raise Invalid("A name has no control characters.", field="name")
    return checked
