"""Conditions on rows: a column, an operator, values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.errors import FieldError
from datasets.engine.quoting import identifier
from datasets.errors import BadRowQuery
from datasets.querying.values import Scalar, typed_value
from datasets.schema import Column, ColumnType, Schema

MOST_FILTERS = 20
MOST_VALUES = 1_000


class Operator(StrEnum):
    """How a column is compared."""

    EQUALS = "equals"
    NOT = "not"
    CONTAINS = "contains"
    LESS = "less"
    AT_MOST = "at_most"
    MORE = "more"
    AT_LEAST = "at_least"
    BETWEEN = "between"
    IN = "in"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"


#: What stands between a column and one value. ``not`` lets nulls through: they are not that value.
_COMPARISONS: Mapping[Operator, str] = {
    Operator.EQUALS: "=",
    Operator.NOT: "IS DISTINCT FROM",
    Operator.LESS: "<",
    Operator.AT_MOST: "<=",
    Operator.MORE: ">",
    Operator.AT_LEAST: ">=",
}
_ORDERED = frozenset(
    {Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST, Operator.BETWEEN}
)
_WITHOUT_VALUE = frozenset({Operator.IS_NULL, Operator.NOT_NULL})


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; ``values`` are of the column's type, as many as the operator takes."""

    column: Column
    operator: Operator
    values: tuple[Scalar, ...] = ()

    def to_sql(self) -> tuple[str, list[Scalar]]:
        """Return the condition with placeholders, and the values for them."""
        name = identifier(self.column.name)
        match self.operator:
            case Operator.IS_NULL:
                return f"{name} IS NULL", []
            case Operator.NOT_NULL:
                return f"{name} IS NOT NULL", []
            case Operator.CONTAINS:
                return f"contains({name}, ?)", list(self.values)
            case Operator.BETWEEN:
                return f"{name} BETWEEN ? AND ?", list(self.values)
            case Operator.IN:
                marks = ", ".join("?" for _ in self.values)
                return f"{name} IN ({marks})", list(self.values)
            case _:
                return f"{name} {_COMPARISONS[self.operator]} ?", list(self.values)


def operators_of(column: Column) -> list[Operator]:
    """Return the operators that a column of this type knows, in the order of a menu."""
    match column.type:
        case ColumnType.BOOLEAN:
            without = {Operator.CONTAINS, *_ORDERED}
        case ColumnType.STRING:
            without = set()
        case _:
            without = {Operator.CONTAINS}
    return [operator for operator in Operator if operator not in without]


def where(filters: Sequence[Filter]) -> tuple[str, list[Scalar]]:
    """Return a ``WHERE`` clause (empty without filters) and its parameters; all must hold."""
    parts: list[str] = []
    parameters: list[Scalar] = []
    for one in filters:
        text, values = one.to_sql()
        parts.append(text)
        parameters += values
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), parameters


def parse_filters(given: Any, schema: Schema) -> tuple[Filter, ...]:
    """Return the filters that a list of ``{"column", "operator", "value"}`` describes.

    ``between`` takes a list of two values (both included), ``in`` a list of up to 1,000, ``is_null``
    and ``not_null`` none, all others one.

    Raises
    ------
    BadRowQuery
        Naming every filter with an unknown column or operator, or with a value that does not fit.
    """
    if not isinstance(given, list):
        raise BadRowQuery("Filters are a list of objects.", field="filters")
    if len(given) > MOST_FILTERS:
        raise BadRowQuery(f"At most {MOST_FILTERS} filters are allowed.", field="filters")
    complaints: list[FieldError] = []
    found: list[Filter] = []
    for number, item in enumerate(given):
        try:
            found.append(_parse_one(item, schema))
        except _ComplaintError as error:
            complaints.append(FieldError(f"filters[{number}]{error.field}", error.text))
    if complaints:
        said = "; ".join(f"{one.field}: {one.message}" for one in complaints[:5])
        raise BadRowQuery(f"{said}.", errors=complaints)
    return tuple(found)


class _ComplaintError(Exception):
    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field, self.text = field, text


def _parse_one(item: Any, schema: Schema) -> Filter:
    if not isinstance(item, dict) or not item.keys() <= {"column", "operator", "value"}:
        raise _ComplaintError("", "a filter has a column, an operator and a value")
    column = _column(item.get("column"), schema)
    operator = _operator(item.get("operator"), column)
    return Filter(column, operator, _values(operator, column, item.get("value")))


def _column(name: Any, schema: Schema) -> Column:
    if not isinstance(name, str) or name not in schema:
        raise _ComplaintError(".column", f"there is no column {_shown(name)}")
    return schema.column(name)


def _operator(name: Any, column: Column) -> Operator:
    known = operators_of(column)
    if not isinstance(name, str) or name not in known:
        raise _ComplaintError(
            ".operator",
            f"there is no operator {_shown(name)} for a column of the type {column.type.value} "
            f"({', '.join(known)})",
        )
    return Operator(name)


def _values(operator: Operator, column: Column, value: Any) -> tuple[Scalar, ...]:
    if operator in _WITHOUT_VALUE:
        if value is not None:
            raise _ComplaintError(".value", f"'{operator}' takes no value")
        return ()
    if operator is Operator.BETWEEN:
        if not isinstance(value, list) or len(value) != 2:
            raise _ComplaintError(".value", "'between' takes a list of two values")
        wanted = value
    elif operator is Operator.IN:
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_VALUES:
            raise _ComplaintError(".value", f"'in' takes a list of 1 to {MOST_VALUES:,} values")
        wanted = value
    else:
        wanted = [value]
    try:
        return tuple(typed_value(column, one) for one in wanted)
    except ValueError as error:
        raise _ComplaintError(".value", str(error)) from None


def _shown(name: Any) -> str:
    text = repr(name)
    return text if len(text) <= 80 else text[:77] + "..."
