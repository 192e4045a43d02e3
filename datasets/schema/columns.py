"""The schema of a dataset version as plain frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pyarrow as pa

from datasets.errors import ColumnNotFound


class ColumnType(StrEnum):
    """The logical types; each has exactly one Arrow type, so that values survive every passage."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    STRING = "string"
    TIMESTAMP = "timestamp"

    @property
    def arrow(self) -> pa.DataType:
        """The Arrow type in which values of this type are stored and read."""
        return _ARROW_TYPES[self]


_ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.STRING: pa.string(),
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


class Role(StrEnum):
    """What a column is for, as far as it can be told from the data alone."""

    FEATURE = "feature"
    TARGET = "target"
    IDENTIFIER = "identifier"
    TIMESTAMP = "timestamp"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, logical type, whether nulls occur, and its role."""

    name: str
    type: ColumnType
    nullable: bool = True
    role: Role = Role.FEATURE

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON-compatible values."""
        return {
            "name": self.name,
            "type": self.type.value,
            "nullable": self.nullable,
            "role": self.role.value,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Column:
        """Return the column that :meth:`to_dict` described."""
        return cls(
            name=str(data["name"]),
            type=ColumnType(data["type"]),
            nullable=bool(data.get("nullable", True)),
            role=Role(data.get("role", Role.FEATURE.value)),
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a dataset version, in their order."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises
        ------
        ColumnNotFound
            There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ColumnNotFound(f"There is no column {name!r}.", field="columns")

    def select(self, names: Sequence[str]) -> Schema:
        """Return the schema of these columns, in the order asked for."""
        return Schema(tuple(self.column(name) for name in names))

    def with_nullable(self, names: frozenset[str]) -> Schema:
        """Return the schema in which exactly the columns in ``names`` are nullable."""
        return Schema(tuple(replace(c, nullable=c.name in names) for c in self.columns))

    def with_roles(self, roles: Mapping[str, Role]) -> Schema:
        """Return the schema with the given roles; columns that are not named keep theirs."""
        return Schema(tuple(replace(c, role=roles.get(c.name, c.role)) for c in self.columns))

    def to_arrow(self) -> pa.Schema:
        """Return the Arrow schema in which rows of this schema are stored."""
        return pa.schema([pa.field(c.name, c.type.arrow) for c in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"columns": [...]}``, the form kept in the database."""
        return {"columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Return the schema that :meth:`to_dict` described."""
        return cls(tuple(Column.from_dict(item) for item in data.get("columns", ())))
