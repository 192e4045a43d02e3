"""Filling in what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import Step, Target, by_name, scalar
from datasets.recipes.values import Array, Kind, Values, is_missing


class Fill(Step):
    """Put a value where there is none: a constant, or the training rows' mean, median or most frequent value.

    Of equally frequent values the smallest is taken. A column that has no value at all in the training rows is
    filled with 0, or stays missing when it holds text.
    """

    kind = "fill"
    title = "Fill missing values"
    parameters = (
        Parameter("columns", "columns", "The columns to fill."),
        Parameter(
            "strategy",
            "choice",
            "Where the value comes from.",
            "median",
            ("constant", "mean", "median", "most_frequent"),
        ),
        Parameter("value", "scalar", "The value of the strategy constant.", None),
    )
    example: ClassVar[Mapping[str, Any]] = {"columns": ["age"], "strategy": "median"}

    def __init__(
        self,
        columns: Sequence[str] = (),
        strategy: str = "median",
        value: float | str | None = None,
    ) -> None:
        self.columns = columns
        self.strategy = strategy
        self.value = value

    def plan(self, before: Plan, position: int) -> Plan:
        if self.strategy == "constant" and self.value is None:
            raise StepProblem("value", "name the value of the constant")
        if self.strategy != "constant" and self.value is not None:
            raise StepProblem("value", "only the strategy constant takes a value")
        kinds = [Kind.NUMBER, Kind.TEXT]
        if self.strategy in ("mean", "median"):
            kinds = [Kind.NUMBER]
        found = before.find_of(self.columns, "columns", *kinds)
        for name, one in zip(self.columns, found, strict=True):
            if self.value is not None and (one.kind is Kind.TEXT) != isinstance(self.value, str):
                raise StepProblem("value", f"{name!r} is {one.kind}, {self.value!r} is not")
        return before.changed(
            {
                name: PlannedColumn(one.kind, one.sources, position)
                for name, one in zip(self.columns, found, strict=True)
            }
        )

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        return {"values": {name: self._value(values.columns[name]) for name in self.columns}}

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        return {"values": by_name(learnt["values"], scalar)}

    def _value(self, column: Array) -> float | str:
        if self.value is not None:
            return self.value
        present = column[~is_missing(column)]
        if not len(present):
            return "" if column.dtype == object else 0.0
        if self.strategy == "most_frequent":
            counts = Counter(present.tolist())
            most = max(counts.values())
            found: float | str = min(value for value, count in counts.items() if count == most)
            return found
        return float(np.mean(present) if self.strategy == "mean" else np.median(present))

    def apply(self, values: Values) -> Values:
        filled = {}
        for name in self.columns:
            column = values.columns[name]
            value: Any = self.learnt_["values"][name]
            if (column.dtype == object) is isinstance(value, str):
                column = np.where(is_missing(column), value, column)
            filled[name] = column
        return values.with_columns(filled)
