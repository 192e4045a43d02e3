"""The schema of a dataset version as plain frozen values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from datasets.errors import ColumnNotFound
from datasets.schema.limits import UNLIMITED, ValueLimits

if TYPE_CHECKING:
    import pyarrow as pa


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
        return _arrow_types()[self]


@cache
def _arrow_types() -> Mapping[ColumnType, pa.DataType]:
    import pyarrow as pa

    return {
        ColumnType.INTEGER: pa.int64(),
        ColumnType.NUMBER: pa.float64(),
        ColumnType.BOOLEAN: pa.bool_(),
        ColumnType.STRING: pa.string(),
        ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    }


class Role(StrEnum):
    """What a column is for: guessed from the data, or said by a person in the dataset's schema."""

    FEATURE = "feature"
    TARGET = "target"
    IDENTIFIER = "identifier"
    TIMESTAMP = "timestamp"
    SUBJECT_KEY = "subject_key"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, logical type, whether nulls occur (or may), its role, and its limits."""

    name: str
    type: ColumnType
    nullable: bool = True
    role: Role = Role.FEATURE
    limits: ValueLimits = UNLIMITED
    description: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the column as JSON-compatible values; what was not said is left out."""
        return {
            "name": self.name,
            "type": self.type.value,
            "nullable": self.nullable,
            "role": self.role.value,
            **self.limits.to_dict(),
            **({"description": self.description} if self.description else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Column:
        """Return the column that :meth:`to_dict` described."""
        return cls(
            name=str(data["name"]),
            type=ColumnType(data["type"]),
            nullable=bool(data.get("nullable", True)),
            role=Role(data.get("role", Role.FEATURE.value)),
            limits=ValueLimits.from_dict(data),
            description=str(data.get("description", "")),
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a dataset version, in their order.

    Attributes
    ----------
    revision
        The revision of the dataset's edited schema that the rows were held to; None when there was none.
    """

    columns: tuple[Column, ...]
    revision: int | None = None

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
        return Schema(tuple(self.column(name) for name in names), self.revision)

    def with_nullable(self, names: frozenset[str]) -> Schema:
        """Return the schema in which exactly the columns in ``names`` are nullable."""
        return replace(
            self, columns=tuple(replace(c, nullable=c.name in names) for c in self.columns)
        )

    def with_roles(self, roles: Mapping[str, Role]) -> Schema:
        """Return the schema with the given roles; columns that are not named keep theirs."""
        return replace(
            self, columns=tuple(replace(c, role=roles.get(c.name, c.role)) for c in self.columns)
        )

    def declared_by(self, declared: Schema) -> Schema:
        """Return the schema with what ``declared`` says of its columns; one that holds nulls stays nullable.

        When the columns are not those that were declared, nothing of it counts.
        """
        said = {column.name: column for column in declared}
        if {c.name: c.type for c in self} != {c.name: c.type for c in declared}:
            return self
        columns = [
            replace(said[c.name], nullable=said[c.name].nullable or c.nullable) for c in self
        ]
        return Schema(tuple(columns), declared.revision)

    def to_arrow(self) -> pa.Schema:
        """Return the Arrow schema in which rows of this schema are stored."""
        import pyarrow as pa

        return pa.schema([pa.field(c.name, c.type.arrow) for c in self.columns])

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"columns": [...]}``, the form kept in the database."""
        columns = [column.to_dict() for column in self.columns]
        return {"columns": columns} | ({} if self.revision is None else {"revision": self.revision})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schema:
        """Return the schema that :meth:`to_dict` described."""
        columns = tuple(Column.from_dict(item) for item in data.get("columns", ()))
        return cls(columns, data.get("revision"))
