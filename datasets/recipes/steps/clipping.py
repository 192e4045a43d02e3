"""Cutting off extremes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import Step, Target, by_name, finite
from datasets.recipes.values import Array, Kind, Values


class Clip(Step):
    """Bring numbers beyond a bound back to it.

    A bound is a number, or a quantile (0 to 1) of the training rows. What is missing stays missing.
    """

    kind = "clip"
    title = "Clip numbers"
    parameters = (
        Parameter("columns", "columns", "The columns to clip."),
        Parameter("lower", "number", "The smallest value.", None),
        Parameter("upper", "number", "The largest value.", None),
        Parameter("lower_quantile", "number", "Share of rows below.", None, low=0, high=1),
        Parameter("upper_quantile", "number", "Share of rows up to it.", None, low=0, high=1),
    )
    example: ClassVar[Mapping[str, Any]] = {
        "columns": ["balance"],
        "lower": 0,
        "upper_quantile": 0.99,
    }

    def __init__(
        self,
        columns: Sequence[str] = (),
        lower: float | None = None,
        upper: float | None = None,
        lower_quantile: float | None = None,
        upper_quantile: float | None = None,
    ) -> None:
        self.columns = columns
        self.lower = lower
        self.upper = upper
        self.lower_quantile = lower_quantile
        self.upper_quantile = upper_quantile

    def plan(self, before: Plan, position: int) -> Plan:
        bounds = (self.lower, self.upper, self.lower_quantile, self.upper_quantile)
        if all(bound is None for bound in bounds):
            raise StepProblem("lower", "name a bound at least")
        for side in ("lower", "upper"):
            if getattr(self, side) is not None and getattr(self, f"{side}_quantile") is not None:
                raise StepProblem(side, f"name {side} or {side}_quantile, not both")
        for low, high, name in (
            (self.lower, self.upper, "upper"),
            (self.lower_quantile, self.upper_quantile, "upper_quantile"),
        ):
            if low is not None and high is not None and low > high:
                raise StepProblem(name, "is below the lower bound")
        found = before.find_of(self.columns, "columns", Kind.NUMBER)
        return before.changed(
            {
                name: PlannedColumn(Kind.NUMBER, one.sources, position)
                for name, one in zip(self.columns, found, strict=True)
            }
        )

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        lower, upper = {}, {}
        for name in self.columns:
            column = values.columns[name]
            low = _bound(column, self.lower, self.lower_quantile)
            high = _bound(column, self.upper, self.upper_quantile)
            if low is not None:
                lower[name] = low
            if high is not None:
                upper[name] = max(high, low) if low is not None else high
        return {"lower": lower, "upper": upper}

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        return {side: by_name(learnt[side], finite) for side in ("lower", "upper")}

    def apply(self, values: Values) -> Values:
        clipped = {}
        for name in self.columns:
            column = values.columns[name]
            low, high = self.learnt_["lower"].get(name), self.learnt_["upper"].get(name)
            clipped[name] = column if low is high is None else np.clip(column, low, high)
        return values.with_columns(clipped)


def _bound(column: Array, fixed: float | None, quantile: float | None) -> float | None:
    if quantile is None:
        return fixed
    present = column[~np.isnan(column)]
    return float(np.quantile(present, quantile)) if len(present) else None
