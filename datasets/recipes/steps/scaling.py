"""Bringing numbers to a common scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn
from datasets.recipes.steps.base import Step, Target, numbers_by_name
from datasets.recipes.values import Array, Kind, Values


class Scale(Step):
    """Shift and divide numbers by what the training rows say: ``(x - centre) / spread``.

    ``standard``: mean and standard deviation (of the rows, divisor n); ``robust``: median and the distance of
    the quartiles; ``min_max``: smallest value and the distance to the largest. A spread of 0 counts as 1.
    """

    kind = "scale"
    title = "Scale numbers"
    parameters = (
        Parameter("columns", "columns", "The columns to scale."),
        Parameter(
            "method", "choice", "What centre and spread are.", "standard",
            ("standard", "robust", "min_max"),
        ),
    )  # fmt: skip
    example: ClassVar[Mapping[str, Any]] = {"columns": ["balance"], "method": "robust"}

    def __init__(self, columns: Sequence[str] = (), method: str = "standard") -> None:
        self.columns = columns
        self.method = method

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.NUMBER)
        return before.changed(
            {
                name: PlannedColumn(Kind.NUMBER, one.sources, position)
                for name, one in zip(self.columns, found, strict=True)
            }
        )

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        found = {name: self._measures(values.columns[name]) for name in self.columns}
        return {
            "centre": {name: centre for name, (centre, _) in found.items()},
            "spread": {name: spread for name, (_, spread) in found.items()},
        }

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        spread = numbers_by_name(learnt["spread"])
        if not all(spread.values()):
            raise ValueError("a spread is 0")
        return {"centre": numbers_by_name(learnt["centre"]), "spread": spread}

    def _measures(self, column: Array) -> tuple[float, float]:
        present = column[~np.isnan(column)]
        if not len(present):
            return 0.0, 1.0
        if self.method == "standard":
            centre, spread = float(present.mean()), float(present.std())
        elif self.method == "robust":
            low, centre, high = (float(one) for one in np.quantile(present, [0.25, 0.5, 0.75]))
            spread = high - low
        else:
            centre = float(present.min())
            spread = float(present.max()) - centre
        return centre, spread if np.isfinite(spread) and spread > 0 else 1.0

    def apply(self, values: Values) -> Values:
        centre, spread = self.learnt_["centre"], self.learnt_["spread"]
        return values.with_columns(
            {name: (values.columns[name] - centre[name]) / spread[name] for name in self.columns}
        )
