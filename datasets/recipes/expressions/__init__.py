"""Formulas over columns: a small language that is parsed here and computed by NumPy, never by ``eval``."""

from __future__ import annotations

from datasets.recipes.expressions.checking import check_types
from datasets.recipes.expressions.errors import ExpressionError
from datasets.recipes.expressions.evaluating import evaluate
from datasets.recipes.expressions.functions import FUNCTIONS
from datasets.recipes.expressions.parsing import parse
from datasets.recipes.expressions.tree import Node, columns_of

__all__ = [
    "FUNCTIONS",
    "ExpressionError",
    "Node",
    "check_types",
    "columns_of",
    "evaluate",
    "parse",
]
