"""Holding what is being ingested to the dataset's edited schema."""

from __future__ import annotations

from datasets.errors import SchemaMismatch
from datasets.models import DatasetVersion
from datasets.schema import Schema

_MOST_NAMED = 10


def reading_schema(
    found: Schema, declared: Schema | None, parent: DatasetVersion | None
) -> Schema | None:
    """Return what a file is to be read as; None lets it be what it seems to be.

    The edited schema says what the columns are. In append mode their order is that of the parent, whose types
    must be the same: rows of two types cannot lie in one table.

    Raises
    ------
    SchemaMismatch
        The file has not exactly the columns of the edited schema, or the parent has other types.
    """
    base = None if parent is None else Schema.from_dict(parent.schema)
    if declared is None:
        return base
    missing = [name for name in declared.names if name not in found]
    extra = [name for name in found.names if name not in declared]
    if missing or extra:
        raise SchemaMismatch(
            f"The rows do not have the columns of schema revision {declared.revision} "
            f"({_differences(missing, extra)}).",
            field="file",
        )
    if base is None:
        return declared.select(found.names)
    return _appended(base, declared)


def _appended(base: Schema, declared: Schema) -> Schema:
    same = set(base.names) == set(declared.names)
    if not same or any(declared.column(c.name).type is not c.type for c in base):
        raise SchemaMismatch(
            f"Schema revision {declared.revision} has other columns or types than the newest version, so "
            "nothing can be appended to it. Replace its rows instead.",
            field="mode",
        )
    return declared.select(base.names)


def _differences(missing: list[str], extra: list[str]) -> str:
    return "; ".join(
        f"{what} {', '.join(repr(name) for name in names[:_MOST_NAMED])}"
        for what, names in (("missing:", missing), ("not in the schema:", extra))
        if names
    )
