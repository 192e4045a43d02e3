"""The edited schema of a dataset: a new revision, an earlier one again, or none any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import Invalid
from datasets.errors import SchemaChanged, SchemaMissing
from datasets.models import Dataset, DatasetSchema, DatasetVersion
from datasets.schema import declared_schema
from datasets.services.locking import lock_dataset

_LONGEST_COMMENT = 500


@transaction.atomic
def edit_schema(
    *,
    principal: Principal,
    dataset: Dataset,
    columns: Sequence[Mapping[str, Any]],
    comment: str = "",
    based_on: DatasetVersion | None = None,
    expected_revision: int | None = None,
) -> DatasetSchema:
    """Put a new revision of the schema in force; it holds for every later ingest.

    Parameters
    ----------
    columns
        Every column with name, type, role, nullable and, where wanted, minimum, maximum, categories, enforce and
        description.
    based_on
        The version that the revision was read off.
    expected_revision
        The revision in force (0: none) that the editor had read; None does not ask.

    Raises
    ------
    SchemaRefused
        Naming each column and what is wrong with it.
    SchemaChanged
        Another revision came in force in the meantime.
    """
    principal.require(Permission.EDIT)
    schema = declared_schema(columns)
    if len(comment) > _LONGEST_COMMENT:
        raise Invalid(f"A comment has at most {_LONGEST_COMMENT} characters.", field="comment")
    locked = lock_dataset(principal, dataset)
    before = locked.schemas.filter(is_active=True).first()
    found = 0 if before is None else before.revision
    if expected_revision is not None and expected_revision != found:
        raise SchemaChanged(
            f"Revision {found} is in force now, not {expected_revision}. Look at it and edit again.",
            field="expected_revision",
        )
    wanted = schema.to_dict()["columns"]
    if before is not None and before.columns == wanted:
        return before
    highest = locked.schemas.aggregate(highest=Max("revision"))["highest"] or 0
    _release(locked)
    made = DatasetSchema.objects.create(
        dataset=locked,
        revision=highest + 1,
        columns=wanted,
        comment=comment.strip(),
        based_on=based_on,
        created_by_id=principal.user_id,
    )
    audit.record(
        principal=principal,
        action="dataset_schema.edited",
        target=made,
        summary=f"{made}: {made.comment}" if made.comment else str(made),
        changes={"revision": [found, made.revision]},
    )
    return made


@transaction.atomic
def activate_schema(*, principal: Principal, dataset: Dataset, revision: int) -> DatasetSchema:
    """Put an earlier revision in force again.

    Raises
    ------
    SchemaMissing
        There is no such revision.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    wanted = locked.schemas.filter(revision=revision).first()
    if wanted is None:
        raise SchemaMissing(f"There is no revision {revision}.", field="revision")
    if wanted.is_active:
        return wanted
    before = _release(locked)
    wanted.is_active = True
    wanted.save(update_fields=["is_active"])
    audit.record(
        principal=principal,
        action="dataset_schema.activated",
        target=wanted,
        summary=str(wanted),
        changes={"revision": [before, wanted.revision]},
    )
    return wanted


@transaction.atomic
def release_schema(*, principal: Principal, dataset: Dataset) -> None:
    """Hold later ingests to no schema any more; the revisions stay.

    Raises
    ------
    SchemaMissing
        None is in force.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    before = locked.schemas.filter(is_active=True).first()
    if before is None:
        raise SchemaMissing("No edited schema is in force.")
    _release(locked)
    audit.record(
        principal=principal,
        action="dataset_schema.released",
        target=before,
        summary=str(before),
        changes={"revision": [before.revision, 0]},
    )


def _release(dataset: Dataset) -> int:
    """Put no revision in force, and return which one was (0: none)."""
    active = dataset.schemas.filter(is_active=True).first()
    if active is None:
        return 0
    dataset.schemas.filter(pk=active.pk).update(is_active=False)
    return int(active.revision)
