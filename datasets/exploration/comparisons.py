"""A comparison with everything that is read anew whenever it is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.comparison import SchemaChanges, compare_profiles, compare_schemas
from datasets.exploration.rows import rows_by_number
from datasets.models import DatasetVersion, VersionComparison
from datasets.schema import Schema


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell that has another value now."""

    column: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row that is in both versions, and what is different in it."""

    key: dict[str, Any]
    cells: tuple[CellChange, ...]


@dataclass(frozen=True, slots=True)
class Samples:
    """Some of the rows that differ; those erased since are left out."""

    columns: tuple[str, ...]
    added: list[list[Any]] = field(default_factory=list)
    base_columns: tuple[str, ...] = ()
    removed: list[list[Any]] = field(default_factory=list)
    changed: list[ChangedRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ComparisonDetails:
    """What differs in schema and profile, and sample rows."""

    schema: SchemaChanges
    profile: list[dict[str, Any]]
    samples: Samples


def details_of(comparison: VersionComparison) -> ComparisonDetails:
    """Return the details of a comparison; samples are there when it is ready."""
    base, other = comparison.base, comparison.other
    schemas = Schema.from_dict(base.schema), Schema.from_dict(other.schema)
    return ComparisonDetails(
        schema=compare_schemas(*schemas),
        profile=compare_profiles(base.profile, other.profile),
        samples=_samples(comparison, *schemas),
    )


def _samples(comparison: VersionComparison, before: Schema, after: Schema) -> Samples:
    result = comparison.result
    if not result:
        return Samples(after.names, base_columns=before.names)
    pairs = [(int(old), int(new)) for old, new in result.get("changed_sample", ())]
    old_rows = _fetch(comparison.base, [*result.get("removed_sample", ()), *(p[0] for p in pairs)])
    new_rows = _fetch(comparison.other, [*result.get("added_sample", ()), *(p[1] for p in pairs)])
    # Comparisons made before these were kept have none.
    counted = result.get("changed_sample_columns") or [None] * len(pairs)
    changed = [
        _changed(
            comparison.key, columns, _by_name(before, old_rows[old]), _by_name(after, new_rows[new])
        )
        for (old, new), columns in zip(pairs, counted, strict=True)
        if old in old_rows and new in new_rows
    ]
    return Samples(
        columns=after.names,
        added=[new_rows[n] for n in result.get("added_sample", ()) if n in new_rows],
        base_columns=before.names,
        removed=[old_rows[n] for n in result.get("removed_sample", ()) if n in old_rows],
        changed=changed,
    )


def _fetch(version: DatasetVersion, numbers: Sequence[int]) -> dict[int, list[Any]]:
    return rows_by_number(version, numbers) if numbers else {}


def _by_name(schema: Schema, values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(schema.names, values, strict=True))


def _changed(
    key: Sequence[str],
    columns: Sequence[str] | None,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
) -> ChangedRow:
    """Return what differs in a row: the cells that were counted, where it is known which."""
    if columns is None:
        columns = [n for n in was if n in now and n not in key and was[n] != now[n]]
    cells = [CellChange(name, was[name], now[name]) for name in columns]
    return ChangedRow({name: now[name] for name in key}, tuple(cells))
