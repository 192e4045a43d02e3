"""Categories as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import Step, Target, by_name, text_list
from datasets.recipes.values import Array, Kind, Values, is_missing, texts_of


class OneHot(Step):
    """Replace a column by one column of 0 and 1 for each of its frequent categories, named ``job=admin``.

    The most frequent categories of the training rows are kept (ties in the order of the alphabet). A category
    that is not kept, or that nobody has seen, is 0 everywhere; so is a missing value.
    """

    kind = "one_hot"
    title = "One-hot encoding"
    parameters = (
        Parameter("columns", "columns", "The columns to encode."),
        Parameter(
            "max_categories", "integer", "Keep so many categories a column.", 20, low=1, high=200
        ),
    )
    example: ClassVar[Mapping[str, Any]] = {"columns": ["job", "marital"], "max_categories": 10}

    def __init__(self, columns: Sequence[str] = (), max_categories: int = 20) -> None:
        self.columns = columns
        self.max_categories = max_categories

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.TEXT, Kind.NUMBER)
        families = {}
        for name, one in zip(self.columns, found, strict=True):
            taken = [other for other in before.columns if other.startswith(f"{name}=")]
            if taken:
                raise StepProblem("columns", f"there is a column {taken[0]!r} already")
            families[f"{name}="] = PlannedColumn(Kind.NUMBER, one.sources, position)
        return before.changed({}, without=self.columns, families=families)

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        return {
            "categories": {name: self._categories(values.columns[name]) for name in self.columns}
        }

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        return {"categories": by_name(learnt["categories"], text_list)}

    def _categories(self, column: Array) -> list[str]:
        counts = Counter(value for value in texts_of(column).tolist() if value)
        ranked = sorted(counts, key=lambda value: (-counts[value], value))
        return sorted(ranked[: self.max_categories])

    def tables(self) -> dict[str, tuple[dict[str, int], list[str]]]:
        """Return for each column the places of its categories, and the names of what is made of it."""
        return {
            name: (
                {category: place for place, category in enumerate(known)},
                [f"{name}={category}" for category in known],
            )
            for name, known in self.learnt_["categories"].items()
        }

    def apply(self, values: Values) -> Values:
        made: dict[str, Array] = {}
        for name in self.columns:
            places, names = self.made_tables[name]
            flags = np.zeros((len(names), values.row_count))
            for row, word in enumerate(texts_of(values.columns[name])):
                place = places.get(word)
                if place is not None:
                    flags[place, row] = 1.0
            made.update(zip(names, flags, strict=True))
        return values.with_columns(made, without=self.columns)


class Ordinal(Step):
    """Replace categories by their position: 0, 1, 2 and so on.

    In the given order, or in that of the alphabet over the training rows. A category that is not in the list is
    -1; what is missing stays missing.
    """

    kind = "ordinal"
    title = "Ordinal encoding"
    parameters = (
        Parameter("columns", "columns", "The columns to encode."),
        Parameter("order", "texts", "The categories, the lowest first.", None),
    )
    example: ClassVar[Mapping[str, Any]] = {
        "columns": ["education"],
        "order": ["primary", "secondary", "tertiary"],
    }

    def __init__(self, columns: Sequence[str] = (), order: Sequence[str] | None = None) -> None:
        self.columns = columns
        self.order = order

    def plan(self, before: Plan, position: int) -> Plan:
        found = before.find_of(self.columns, "columns", Kind.TEXT, Kind.NUMBER)
        return before.changed(
            {
                name: PlannedColumn(Kind.NUMBER, one.sources, position)
                for name, one in zip(self.columns, found, strict=True)
            }
        )

    def learn(self, values: Values, target: Target | None) -> dict[str, Any]:
        return {
            "categories": {name: self._categories(values.columns[name]) for name in self.columns}
        }

    def restored(self, learnt: Mapping[str, Any]) -> dict[str, Any]:
        return {"categories": by_name(learnt["categories"], text_list)}

    def _categories(self, column: Array) -> list[str]:
        if self.order is not None:
            return list(self.order)
        return sorted({value for value in texts_of(column).tolist() if value})

    def tables(self) -> dict[str, dict[str, float]]:
        """Return for each column the codes of its categories."""
        return {
            name: {category: float(code) for code, category in enumerate(known)}
            for name, known in self.learnt_["categories"].items()
        }

    def apply(self, values: Values) -> Values:
        made = {}
        for name in self.columns:
            words = texts_of(values.columns[name])
            codes = self.made_tables[name]
            found = np.array([codes.get(word, -1.0) for word in words], dtype=np.float64)
            found[is_missing(words)] = np.nan
            made[name] = found
        return values.with_columns(made)
