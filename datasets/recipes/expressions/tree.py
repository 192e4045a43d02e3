"""The tree that a formula is read into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: What a part of a formula gives. Truth values are numbers: 1 and 0, and missing.
ValueType = str
NUMBER: ValueType = "number"
TEXT: ValueType = "text"


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula; ``position`` is where it starts, counted in characters from 1."""

    position: int


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as it was written."""

    value: float


@dataclass(frozen=True, slots=True)
class Text(Node):
    """A text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class ColumnName(Node):
    """The values of a column."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``-x`` or ``not x``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two parts and what stands between them."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of the list and its arguments."""

    function: str
    arguments: tuple[Node, ...]


def children_of(node: Node) -> tuple[Node, ...]:
    """Return the parts of a node."""
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Call):
        return node.arguments
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(children_of(one)))


def columns_of(node: Node) -> tuple[str, ...]:
    """Return the names of the columns of a formula, each once, in the order in which they appear."""
    return tuple(dict.fromkeys(one.name for one in walk(node) if isinstance(one, ColumnName)))
