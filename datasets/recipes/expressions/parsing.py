"""Reading a formula.

The grammar, loosest first::

    expression := conjunction ("or" conjunction)*
    conjunction := negation ("and" negation)*
    negation   := "not" negation | comparison
    comparison := sum (("==" | "!=" | "<" | "<=" | ">" | ">=") sum)?
    sum        := product (("+" | "-") product)*
    product    := factor (("*" | "/" | "%") factor)*
    factor     := "-" factor | primary
    primary    := number | "text" | "true" | "false" | column | function "(" arguments ")" | "(" expression ")"
    column     := a name, or any name in `back-ticks`
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Collection

from datasets.recipes.expressions.errors import ExpressionError
from datasets.recipes.expressions.functions import FUNCTIONS
from datasets.recipes.expressions.tokens import KEYWORDS, Token, tokens_of
from datasets.recipes.expressions.tree import Binary, Call, ColumnName, Node, Number, Text, Unary

#: No formula has more characters than this.
MOST_CHARACTERS = 1_000
#: Brackets, minus signs and ``not`` are nested no deeper than this.
MOST_DEPTH = 32
#: A chain such as ``a + b + c`` is a tree as deep as it is long; this bounds it.
MOST_OPERATORS = 120
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def parse(formula: str) -> Node:
    """Return the tree of a formula.

    Raises
    ------
    ExpressionError
        With the position, for whatever is not in the grammar; also for a formula that is empty, longer
        than 1,000 characters, nested more than 32 levels deep or with more than 120 operators.
    """
    if len(formula) > MOST_CHARACTERS:
        raise ExpressionError(f"a formula has at most {MOST_CHARACTERS:,} characters", 1)
    reader = _Reader(tokens_of(formula))
    if reader.is_done():
        raise ExpressionError("the formula is empty", 1)
    tree = reader.expression()
    if not reader.is_done():
        raise ExpressionError(f"{reader.now.value!r} was not expected here", reader.now.position)
    return tree


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._operators = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._at]

    def is_done(self) -> bool:
        return self.now.kind == "end"

    def _step(self) -> Token:
        token = self.now
        self._at += 1
        return token

    def _is(self, *values: str) -> bool:
        return self.now.kind in ("sign", "name") and self.now.value in values

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            what = f"not {self.now.value!r}" if self.now.value else "but the formula ends"
            raise ExpressionError(f"{sign!r} was expected, {what}", self.now.position)
        self._step()

    def _deeper(self, position: int, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ExpressionError(f"nested more than {MOST_DEPTH} levels deep", position)
        found = read()
        self._depth -= 1
        return found

    def _chain(self, operators: Collection[str], part: Callable[[], Node]) -> Node:
        left = part()
        while self._is(*operators):
            operator = self._step()
            self._operators += 1
            if self._operators > MOST_OPERATORS:
                raise ExpressionError(
                    f"a formula has at most {MOST_OPERATORS} operators", operator.position
                )
            left = Binary(operator.position, operator.value, left, part())
        return left

    def expression(self) -> Node:
        return self._chain(("or",), self._conjunction)

    def _conjunction(self) -> Node:
        return self._chain(("and",), self._negation)

    def _negation(self) -> Node:
        if self._is("not"):
            token = self._step()
            return Unary(token.position, "not", self._deeper(token.position, self._negation))
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        if self._is(*_COMPARISONS):
            operator = self._step()
            left = Binary(operator.position, operator.value, left, self._sum())
            if self._is(*_COMPARISONS):
                raise ExpressionError(
                    "comparisons are not chained; join them with 'and'", self.now.position
                )
        return left

    def _sum(self) -> Node:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._chain(("*", "/", "%"), self._factor)

    def _factor(self) -> Node:
        if self._is("-"):
            token = self._step()
            return Unary(token.position, "-", self._deeper(token.position, self._factor))
        return self._primary()

    def _primary(self) -> Node:
        token = self._step()
        if token.kind == "sign" and token.value == "(":
            inside = self._deeper(token.position, self.expression)
            self._expect(")")
            return inside
        if token.kind == "name" and token.value not in KEYWORDS:
            return self._call(token) if self._is("(") else ColumnName(token.position, token.value)
        if token.kind == "end":
            raise ExpressionError("something is missing at the end", token.position)
        return _literal(token)

    def _call(self, name: Token) -> Node:
        function = FUNCTIONS.get(name.value)
        if function is None:
            near = difflib.get_close_matches(name.value, FUNCTIONS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f" (there are {', '.join(FUNCTIONS)})"
            raise ExpressionError(f"there is no function {name.value!r}{hint}", name.position)
        self._expect("(")
        arguments: list[Node] = []
        while not self._is(")"):
            if arguments:
                self._expect("," if self._is(",") else ")")
            arguments.append(self._deeper(name.position, self.expression))
        self._expect(")")
        least = len(function.takes)
        if len(arguments) < least or (len(arguments) > least and not function.repeats):
            more = " or more" if function.repeats else ""
            raise ExpressionError(
                f"{name.value} takes {least}{more} argument(s), not {len(arguments)}",
                name.position,
            )
        return Call(name.position, name.value, tuple(arguments))


def _literal(token: Token) -> Node:
    if token.kind == "number":
        value = float(token.value)
        if not math.isfinite(value):
            raise ExpressionError("the number is too large", token.position)
        return Number(token.position, value)
    if token.kind == "text":
        if not token.value:
            raise ExpressionError(
                "an empty text stands for a missing one; ask is_missing(column)", token.position
            )
        return Text(token.position, token.value)
    if token.kind == "column":
        return ColumnName(token.position, token.value)
    if token.kind == "name" and token.value in ("true", "false"):
        return Number(token.position, float(token.value == "true"))
    raise ExpressionError(f"{token.value!r} was not expected here", token.position)
