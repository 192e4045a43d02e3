"""Cutting a formula into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from datasets.recipes.expressions.errors import ExpressionError

TokenKind = Literal["number", "text", "name", "column", "sign", "end"]

#: Words that are operators or values, not columns; a column of such a name is written in back-ticks.
KEYWORDS = frozenset({"and", "or", "not", "true", "false"})

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<text>"[^"\n]*"|'[^'\n]*')
    | (?P<column>`[^`\n]+`)
    | (?P<name>[^\W\d]\w*)
    | (?P<sign><=|>=|==|!=|[-+*/%<>(),])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a formula; ``position`` counts characters from 1."""

    kind: TokenKind
    value: str
    position: int


def tokens_of(formula: str) -> list[Token]:
    """Return the tokens of a formula, and one that marks its end.

    Raises
    ------
    ExpressionError
        A character has no meaning, or a quote is never closed.
    """
    found: list[Token] = []
    at = 0
    while at < len(formula):
        match = _TOKEN.match(formula, at)
        if match is None:
            raise ExpressionError(_complaint(formula[at]), at + 1)
        value = match.group()
        if match.lastgroup in ("text", "column"):
            value = value[1:-1]
        if match.lastgroup != "space":
            found.append(Token(cast("TokenKind", match.lastgroup), value, at + 1))
        at = match.end()
    found.append(Token("end", "", len(formula) + 1))
    return found


def _complaint(character: str) -> str:
    if character in "\"'`":
        return f"the {character} is never closed"
    if character == "=":
        return "write == to compare"
    return f"{character!r} has no meaning here"
