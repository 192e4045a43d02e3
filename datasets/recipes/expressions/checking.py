"""Types of the parts of a formula, before anything is computed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from datasets.recipes.expressions.errors import ExpressionError
from datasets.recipes.expressions.functions import FUNCTIONS
from datasets.recipes.expressions.tree import (
    NUMBER,
    TEXT,
    Binary,
    Call,
    ColumnName,
    Node,
    Text,
    Unary,
    ValueType,
)

_EQUALITY = frozenset({"==", "!="})


def check_types(node: Node, columns: Mapping[str, ValueType]) -> ValueType:
    """Return what a formula gives (number or text) over these columns.

    Raises
    ------
    ExpressionError
        A column does not exist, or a number stands where a text is needed or the other way round.
    """
    if isinstance(node, Text):
        return TEXT
    if isinstance(node, ColumnName):
        return _column(node, columns)
    if isinstance(node, Unary):
        return _number(node.operand, columns, f"'{node.operator}'")
    if isinstance(node, Binary):
        return _binary(node, columns)
    if isinstance(node, Call):
        return _call(node, columns)
    return NUMBER


def _column(node: ColumnName, columns: Mapping[str, ValueType]) -> ValueType:
    found = columns.get(node.name)
    if found is None:
        near = difflib.get_close_matches(node.name, columns, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ExpressionError(f"there is no column {node.name!r}{hint}", node.position)
    if found not in (NUMBER, TEXT):
        raise ExpressionError(
            f"{node.name!r} is a {found}; take its parts with a date_parts step first",
            node.position,
        )
    return found


def _number(node: Node, columns: Mapping[str, ValueType], what: str) -> ValueType:
    found = check_types(node, columns)
    if found != NUMBER:
        raise ExpressionError(f"{what} needs a number, not {found}", node.position)
    return NUMBER


def _binary(node: Binary, columns: Mapping[str, ValueType]) -> ValueType:
    if node.operator in _EQUALITY:
        left, right = check_types(node.left, columns), check_types(node.right, columns)
        if left != right:
            raise ExpressionError(f"{left} is compared with {right}", node.position)
        return NUMBER
    _number(node.left, columns, f"'{node.operator}'")
    return _number(node.right, columns, f"'{node.operator}'")


def _call(node: Call, columns: Mapping[str, ValueType]) -> ValueType:
    function = FUNCTIONS[node.function]
    shared: ValueType | None = None
    for index, argument in enumerate(node.arguments):
        wanted = function.takes[min(index, len(function.takes) - 1)]
        found = check_types(argument, columns)
        if wanted == "any":
            wanted = shared = shared or found
        if found != wanted:
            raise ExpressionError(
                f"argument {index + 1} of {node.function} must be {wanted}, not {found}",
                argument.position,
            )
    if function.gives == "any":
        assert shared is not None
        return shared
    return function.gives
