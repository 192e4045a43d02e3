"""Choosing, naming and typing columns; nothing is learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import Step
from datasets.recipes.values import Array, Kind, Values, numbers_of, texts_of

_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})


class Select(Step):
    """Keep these columns, in this order, and leave out all others."""

    kind = "select"
    title = "Select columns"
    parameters = (Parameter("columns", "columns", "The columns to keep."),)
    example: ClassVar[Mapping[str, Any]] = {"columns": ["age", "balance"]}

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def reads(self) -> tuple[str, ...]:
        return ()

    def plan(self, before: Plan, position: int) -> Plan:
        return Plan({name: before.find(name, "columns") for name in self.columns})

    def apply(self, values: Values) -> Values:
        return Values({name: values.columns[name] for name in self.columns}, values.row_count)


class Drop(Step):
    """Leave out these columns."""

    kind = "drop"
    title = "Drop columns"
    parameters = (Parameter("columns", "columns", "The columns to leave out."),)
    example: ClassVar[Mapping[str, Any]] = {"columns": ["customer_number"]}

    def __init__(self, columns: Sequence[str] = ()) -> None:
        self.columns = columns

    def reads(self) -> tuple[str, ...]:
        return ()

    def plan(self, before: Plan, position: int) -> Plan:
        for name in self.columns:
            before.find(name, "columns")
        after = before.changed({}, without=self.columns)
        if not after.columns and not after.families:
            raise StepProblem("columns", "leaves no column at all")
        return after

    def apply(self, values: Values) -> Values:
        return values.with_columns({}, without=self.columns)


class Rename(Step):
    """Give columns other names; they keep their places."""

    kind = "rename"
    title = "Rename columns"
    parameters = (Parameter("names", "mapping", "Old and new names."),)
    example: ClassVar[Mapping[str, Any]] = {"names": {"pdays": "days_since_contact"}}

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self.names = names

    def reads(self) -> tuple[str, ...]:
        return ()

    def plan(self, before: Plan, position: int) -> Plan:
        names = self.names or {}
        after: dict[str, PlannedColumn] = {}
        for old in names:
            before.find(old, "names")
        for name, column in before.columns.items():
            new = names.get(name, name)
            if new in after or (new != name and new in before.columns and new not in names):
                raise StepProblem("names", f"there is a column {new!r} already")
            after[new] = replace(column, step=position) if new != name else column
        return Plan(after, before.families)

    def apply(self, values: Values) -> Values:
        names = self.names or {}
        columns = {names.get(name, name): column for name, column in values.columns.items()}
        return Values(columns, values.row_count)


class Cast(Step):
    """Read the values of columns as another type; what cannot be read becomes missing.

    ``number`` reads text such as ``12.5``; ``integer`` cuts off what is behind the point; ``boolean`` gives
    1 and 0 for ``true``/``yes``/``1`` and ``false``/``no``/``0``; ``text`` writes numbers as text, so that they
    are categories.
    """

    kind = "cast"
    title = "Change the type"
    parameters = (
        Parameter("columns", "columns", "The columns to read anew."),
        Parameter(
            "to", "choice", "The new type.", choices=("number", "integer", "boolean", "text")
        ),
    )
    example: ClassVar[Mapping[str, Any]] = {"columns": ["postcode"], "to": "text"}

    def __init__(self, columns: Sequence[str] = (), to: str = "text") -> None:
        self.columns = columns
        self.to = to

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.NUMBER, Kind.TEXT)
        kind = Kind.TEXT if self.to == "text" else Kind.NUMBER
        return before.changed(
            {
                name: PlannedColumn(kind, one.sources, position)
                for name, one in zip(self.columns, found, strict=True)
            }
        )

    def apply(self, values: Values) -> Values:
        return values.with_columns(
            {name: self._cast(values.columns[name]) for name in self.columns}
        )

    def _cast(self, column: Array) -> Array:
        if self.to == "text":
            return texts_of(column)
        if self.to == "boolean":
            return _truths(column)
        numbers = numbers_of(column)
        return np.trunc(numbers) if self.to == "integer" else numbers


def _truths(column: Array) -> Array:
    if column.dtype != object:
        return np.where(np.isnan(column), np.nan, (column != 0).astype(np.float64))
    return np.array([_truth(value.strip().lower()) for value in column], dtype=np.float64)


def _truth(text: str) -> float:
    if text in _TRUE:
        return 1.0
    return 0.0 if text in _FALSE else np.nan
