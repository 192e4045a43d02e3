"""The only two ways in which text from outside gets into SQL that we write."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return text as a string literal, where the engine takes no parameter."""
    return "'" + text.replace("'", "''") + "'"
