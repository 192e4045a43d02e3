"""A column computed from others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

from datasets.recipes.expressions import (
    ExpressionError,
    Node,
    check_types,
    columns_of,
    evaluate,
    parse,
)
from datasets.recipes.parameters import Parameter
from datasets.recipes.plan import Plan, PlannedColumn, StepProblem
from datasets.recipes.steps.base import Step
from datasets.recipes.values import Kind, Values


class Expression(Step):
    """Compute a column from others with a formula, such as ``balance / max(age - 18, 1)``.

    Numbers, columns, ``+ - * / %``, comparisons, ``and``/``or``/``not``, ``if(condition, then, else)`` and a
    fixed list of functions. What cannot be computed is missing. A column of that name is replaced.
    """

    kind = "expression"
    title = "Compute a column"
    parameters = (
        Parameter("name", "name", "The column to make."),
        Parameter("formula", "formula", "How it is computed."),
    )
    example: ClassVar[Mapping[str, Any]] = {
        "name": "is_well_off",
        "formula": 'if(balance > 1000 and not (loan == "yes"), 1, 0)',
    }

    def __init__(self, name: str = "", formula: str = "") -> None:
        self.name = name
        self.formula = formula

    def reads(self) -> tuple[str, ...]:
        return columns_of(_tree(self.formula))

    def plan(self, before: Plan, position: int) -> Plan:
        try:
            tree = _tree(self.formula)
            kinds = {name: one.kind.value for name, one in before.columns.items()}
            for name in columns_of(tree):
                if name not in kinds and any(name.startswith(start) for start in before.families):
                    kinds[name] = Kind.NUMBER.value
            given = check_types(tree, kinds)
        except ExpressionError as error:
            raise StepProblem("formula", str(error)) from None
        sources = frozenset().union(
            *(before.find(name, "formula").sources for name in columns_of(tree))
        )
        if self.name not in before.columns:
            before.add_name(self.name, "name")
        return before.changed({self.name: PlannedColumn(Kind(given), sources, position)})

    def apply(self, values: Values) -> Values:
        found = evaluate(_tree(self.formula), values.columns, values.row_count)
        return values.with_columns({self.name: found})


@lru_cache(maxsize=512)
def _tree(formula: str) -> Node:
    return parse(formula)
