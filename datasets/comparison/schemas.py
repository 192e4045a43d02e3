"""What differs between two schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from datasets.schema import Schema


@dataclass(frozen=True, slots=True)
class Change:
    """A property of a column that is another one now."""

    column: str
    old: str
    new: str

    def to_dict(self) -> dict[str, str]:
        """Return the change as JSON-compatible values."""
        return {"column": self.column, "old": self.old, "new": self.new}


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """Columns that came, went, or have another type or role; a renamed column went and came."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[Change, ...]
    roles: tuple[Change, ...]
    is_reordered: bool

    @property
    def is_empty(self) -> bool:
        """Whether the schemas are the same."""
        return not (self.added or self.removed or self.retyped or self.roles or self.is_reordered)

    def to_dict(self) -> dict[str, Any]:
        """Return the changes as JSON-compatible values."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "retyped": [one.to_dict() for one in self.retyped],
            "roles": [one.to_dict() for one in self.roles],
            "reordered": self.is_reordered,
        }


def compare_schemas(base: Schema, other: Schema) -> SchemaChanges:
    """Return what is different in ``other``."""
    common = [name for name in base.names if name in other]
    pairs = [(base.column(name), other.column(name)) for name in common]
    return SchemaChanges(
        added=tuple(name for name in other.names if name not in base),
        removed=tuple(name for name in base.names if name not in other),
        retyped=tuple(
            Change(a.name, a.type.value, b.type.value) for a, b in pairs if a.type is not b.type
        ),
        roles=tuple(
            Change(a.name, a.role.value, b.role.value) for a, b in pairs if a.role is not b.role
        ),
        is_reordered=common != [name for name in other.names if name in base],
    )
