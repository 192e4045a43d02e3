"""From what a person says about columns to a schema, or to a list of everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import FieldError
from datasets.errors import BadHeader, SchemaRefused
from datasets.schema.coercion import NotAValue, coerce
from datasets.schema.columns import Column, ColumnType, Role, Schema
from datasets.schema.limits import Limit, ValueLimits
from datasets.schema.names import MAX_COLUMNS, check_names

MOST_CATEGORIES = 1_000
LONGEST_DESCRIPTION = 1_000
_LONGEST_CATEGORY = 200
_RANGED = frozenset({ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIMESTAMP})
_CLOSED = frozenset({ColumnType.STRING, ColumnType.INTEGER, ColumnType.BOOLEAN})
_MOST_COMPLAINTS = 50


def declared_schema(items: Sequence[Mapping[str, Any]]) -> Schema:
    """Return the schema that the items describe (in the form of :meth:`Column.to_dict`).

    Raises
    ------
    SchemaRefused
        Naming each item and key that cannot be: ``columns[3].minimum``.
    """
    if not 1 <= len(items) <= MAX_COLUMNS:
        raise SchemaRefused(f"A schema has 1 to {MAX_COLUMNS:,} columns.", field="columns")
    try:
        names = check_names([str(item.get("name", "")) for item in items])
    except BadHeader as error:
        raise SchemaRefused(error.message, field="columns") from error
    found: list[FieldError] = []
    columns: list[Column] = []
    for at, (name, item) in enumerate(zip(names, items, strict=True)):
        complaints: list[FieldError] = []
        column = _column(name, item, f"columns[{at}]", complaints)
        found.extend(complaints)
        if column is not None:
            columns.append(column)
    targets = [at for at, column in enumerate(columns) if column.role is Role.TARGET]
    if not found and len(targets) > 1:
        found.append(FieldError(f"columns[{targets[1]}].role", "only one column is the target"))
    if found:
        first = found[0]
        raise SchemaRefused(f"{first.field}: {first.message}.", errors=found[:_MOST_COMPLAINTS])
    return Schema(tuple(columns))


def _column(
    name: str, item: Mapping[str, Any], where: str, complaints: list[FieldError]
) -> Column | None:
    type_ = _word(ColumnType, item.get("type"), f"{where}.type", complaints)
    role = _word(Role, item.get("role", Role.FEATURE.value), f"{where}.role", complaints)
    nullable = _truth(item.get("nullable", True), f"{where}.nullable", complaints)
    enforce = _truth(item.get("enforce", False), f"{where}.enforce", complaints)
    description = item.get("description") or ""
    if (
        not isinstance(description, str)
        or len(description) > LONGEST_DESCRIPTION
        or "\0" in description
    ):
        said = f"must be text of at most {LONGEST_DESCRIPTION:,} characters"
        complaints.append(FieldError(f"{where}.description", said))
    if type_ is None or role is None:
        return None
    if role is Role.TIMESTAMP and type_ is not ColumnType.TIMESTAMP:
        said = "only a column of the type timestamp has this role"
        complaints.append(FieldError(f"{where}.role", said))
    bounds = {
        end: _bound(item.get(end), type_, f"{where}.{end}", complaints)
        for end in ("minimum", "maximum")
    }
    categories = _categories(item.get("categories"), type_, f"{where}.categories", complaints)
    low, high = bounds["minimum"], bounds["maximum"]
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        complaints.append(FieldError(f"{where}.maximum", "must not be below the minimum"))
    if complaints:
        return None
    limits = ValueLimits(low, high, categories, enforce=enforce)
    return Column(name, type_, nullable, role, limits, description)


def _word(words: type[Any], value: object, where: str, complaints: list[FieldError]) -> Any:
    if isinstance(value, str) and value in {word.value for word in words}:
        return words(value)
    known = ", ".join(word.value for word in words)
    complaints.append(FieldError(where, f"must be one of {known}"))
    return None


def _truth(value: object, where: str, complaints: list[FieldError]) -> bool:
    if not isinstance(value, bool):
        complaints.append(FieldError(where, "must be true or false"))
    return bool(value)


def _bound(
    value: object, type_: ColumnType, where: str, complaints: list[FieldError]
) -> Limit | None:
    if value is None or value == "":
        return None
    if type_ not in _RANGED:
        complaints.append(FieldError(where, f"a {type_.value} column has no range"))
        return None
    try:
        if type_ is ColumnType.TIMESTAMP:
            moment = coerce(value, type_)
            return moment.isoformat()  # type: ignore[union-attr]
        coerced = coerce(value, type_)
    except NotAValue as refusal:
        complaints.append(FieldError(where, str(refusal)))
        return None
    assert isinstance(coerced, int | float)
    return coerced


def _categories(
    values: object, type_: ColumnType, where: str, complaints: list[FieldError]
) -> tuple[Limit, ...] | None:
    if values is None or values == [] or values == ():
        return None
    if not isinstance(values, list | tuple) or len(values) > MOST_CATEGORIES:
        complaints.append(
            FieldError(where, f"must be a list of at most {MOST_CATEGORIES:,} values")
        )
        return None
    if type_ not in _CLOSED:
        complaints.append(FieldError(where, f"a {type_.value} column has no closed set of values"))
        return None
    kept: list[Limit] = []
    for value in values:
        try:
            coerced = coerce(value, type_)
        except NotAValue as refusal:
            complaints.append(FieldError(where, str(refusal)))
            return None
        assert not hasattr(coerced, "isoformat")
        if isinstance(coerced, str) and len(coerced) > _LONGEST_CATEGORY:
            said = f"a value has at most {_LONGEST_CATEGORY} characters"
            complaints.append(FieldError(where, said))
            return None
        if isinstance(coerced, str) and "\0" in coerced:
            complaints.append(FieldError(where, "a value holds no NUL character"))
            return None
        kept.append(coerced)
    return tuple(dict.fromkeys(kept))
