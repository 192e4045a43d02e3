"""Asking for a comparison of two versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from datasets.errors import NotComparable, VersionNotReady
from datasets.models import (
    ComparisonStatus,
    Dataset,
    DatasetVersion,
    Use,
    VersionComparison,
)
from datasets.schema import Role, Schema
from datasets.selectors import require_use
from jobs.services import enqueue

MOST_KEY_COLUMNS = 10


@transaction.atomic
def compare_versions(
    *,
    principal: Principal,
    base: DatasetVersion,
    other: DatasetVersion,
    key: Sequence[str] | None = None,
) -> VersionComparison:
    """Return the comparison of two versions of a dataset; a job makes it, unless it is there already.

    Parameters
    ----------
    key
        The columns that identify a row; absent: those with the role identifier; empty: whole rows
        are compared.

    Raises
    ------
    NotComparable
        The versions are of two datasets, have no column in common, or one of them lacks a key column.
    VersionNotReady
        One of them has no rows (yet).
    """
    principal.require(Permission.EDIT)
    require_use(principal, base.dataset, Use.READ)
    columns = _key(base, other, key)
    dataset = Dataset.objects.select_for_update().get(pk=base.dataset_id)
    comparison, is_new = VersionComparison.objects.get_or_create(
        base=base,
        other=other,
        key_text=hashlib.sha256(json.dumps(columns).encode()).hexdigest(),
        defaults={"key": columns, "created_by_id": principal.user_id},
    )
    if not is_new:
        if comparison.status != ComparisonStatus.FAILED:
            return comparison
        comparison.check_move(ComparisonStatus.BUILDING)
        comparison.status = ComparisonStatus.BUILDING
    comparison.job = enqueue(
        principal=principal,
        kind="compare_versions",
        arguments={"comparison": comparison.pk},
        title=f"Compare {dataset.name} v{base.number} and v{other.number}",
    )
    comparison.save(update_fields=["job", "status"])
    audit.record(
        principal=principal,
        action="dataset_version.compared",
        target=other,
        summary=str(comparison),
        changes={"base": base.pk, "other": other.pk, "key": columns},
    )
    return comparison


def _key(base: DatasetVersion, other: DatasetVersion, wanted: Sequence[str] | None) -> list[str]:
    if base.dataset_id != other.dataset_id:
        raise NotComparable("Choose two versions of one dataset.", field="other")
    if base.pk == other.pk:
        raise NotComparable("Choose two different versions.", field="other")
    for version in (base, other):
        if not version.has_rows:
            raise VersionNotReady(f"{version} is {version.status}; it has no rows to compare.")
    schemas = [Schema.from_dict(version.schema) for version in (base, other)]
    if not set(schemas[0].names) & set(schemas[1].names):
        raise NotComparable("The versions have no column in common.", field="other")
    if wanted is None:
        return [
            column.name
            for column in schemas[1]
            if column.role is Role.IDENTIFIER and column.name in schemas[0]
        ][:MOST_KEY_COLUMNS]
    for name in wanted:
        if any(name not in schema for schema in schemas):
            raise NotComparable(f"Both versions need the key column {name[:80]!r}.", field="key")
    if len(set(wanted)) < len(wanted) or len(wanted) > MOST_KEY_COLUMNS:
        raise NotComparable(
            f"A key has at most {MOST_KEY_COLUMNS} columns, each named once.", field="key"
        )
    return list(wanted)
