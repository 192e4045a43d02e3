"""Computing a formula on whole columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from datasets.recipes.expressions.functions import FUNCTIONS
from datasets.recipes.expressions.tree import Binary, Call, ColumnName, Node, Number, Text, Unary

Array = npt.NDArray[Any]


def evaluate(node: Node, columns: Mapping[str, Array], row_count: int) -> Array:
    """Return the value of a formula in each row, shape (row_count,).

    What cannot be computed is missing: a division by zero, the root of a negative number, an overflow. A
    comparison with something missing is missing; ``and`` and ``or`` are those of three-valued logic (false
    and missing is false, true or missing is true).

    Parameters
    ----------
    columns
        float64 (NaN is missing) or object arrays of text (``""`` is missing), each of shape (row_count,).
    """
    with np.errstate(all="ignore"):
        return _finite(_value(node, columns, row_count))


def _finite(values: Array) -> Array:
    """Let what went beyond all bounds be missing, so that it is missing for the rest of the formula too."""
    if values.dtype == object or not np.isinf(values).any():
        return values
    return np.where(np.isinf(values), np.nan, values)


def _value(node: Node, columns: Mapping[str, Array], rows: int) -> Array:
    if isinstance(node, Number):
        return np.full(rows, node.value)
    if isinstance(node, Text):
        return np.full(rows, node.value, dtype=object)
    if isinstance(node, ColumnName):
        return columns[node.name]
    if isinstance(node, Unary):
        operand = _value(node.operand, columns, rows)
        return -operand if node.operator == "-" else _not(operand)
    if isinstance(node, Binary):
        left, right = _value(node.left, columns, rows), _value(node.right, columns, rows)
        return _finite(_binary(node.operator, left, right))
    assert isinstance(node, Call)
    arguments = [_value(argument, columns, rows) for argument in node.arguments]
    return _finite(FUNCTIONS[node.function].compute(*arguments))


def _not(values: Array) -> Array:
    return np.where(np.isnan(values), np.nan, (values == 0).astype(np.float64))


def _truth(values: Array) -> Array:
    return np.where(np.isnan(values), np.nan, (values != 0).astype(np.float64))


def _binary(operator: str, left: Array, right: Array) -> Array:
    match operator:
        case "+":
            return np.asarray(left + right)
        case "-":
            return np.asarray(left - right)
        case "*":
            return np.asarray(left * right)
        case "/":
            return np.asarray(left / right)
        case "%":
            return np.asarray(np.mod(left, right))
        case "and":
            return _both(_truth(left), _truth(right))
        case "or":
            return _not(_both(_not(left), _not(right)))
        case _:
            return _compared(operator, left, right)


def _both(left: Array, right: Array) -> Array:
    """Three-valued ``and``: false wins over missing."""
    is_false = (left == 0) | (right == 0)
    return np.where(is_false, 0.0, left + right - 1.0)


def _compared(operator: str, left: Array, right: Array) -> Array:
    match operator:
        case "==":
            held = left == right
        case "!=":
            held = left != right
        case "<":
            held = left < right
        case "<=":
            held = left <= right
        case ">":
            held = left > right
        case _:
            held = left >= right
    missing = (
        (left == "") | (right == "") if left.dtype == object else np.isnan(left) | np.isnan(right)
    )
    return np.where(missing.astype(bool), np.nan, held.astype(np.float64))
