"""Orders of rows: several columns, and the row's number last, so that pages never overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FieldError
from datasets.engine.quoting import identifier
from datasets.errors import BadRowQuery
from datasets.schema import Column, Schema

MOST_KEYS = 10


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One column to sort by; nulls come last either way."""

    column: Column
    descending: bool = False

    def to_sql(self) -> str:
        """Return the part of an ``ORDER BY`` clause."""
        direction = "DESC" if self.descending else "ASC"
        return f"{identifier(self.column.name)} {direction} NULLS LAST"

    def __str__(self) -> str:
        """Return the key as :func:`parse_order` reads it."""
        name = self.column.name
        if self.descending:
            return f"-{name}"
        return f"+{name}" if name[:1] in "+-" else name


def parse_order(given: Sequence[str], schema: Schema) -> tuple[OrderKey, ...]:
    """Return the keys that ``["-age", "name"]`` describes.

    A leading ``-`` sorts downwards, a leading ``+`` (needed only before a name that begins with a
    sign of its own) upwards.

    Raises
    ------
    BadRowQuery
        Naming unknown columns and columns that are named twice.
    """
    if len(given) > MOST_KEYS:
        raise BadRowQuery(f"Rows are sorted by at most {MOST_KEYS} columns.", field="order")
    keys: list[OrderKey] = []
    complaints: list[FieldError] = []
    for text in given:
        name = text[1:] if text[:1] in ("-", "+") else text
        if name not in schema:
            complaints.append(FieldError("order", f"There is no column {name[:80]!r}."))
        elif any(key.column.name == name for key in keys):
            complaints.append(FieldError("order", f"Column {name[:80]!r} is named twice."))
        else:
            keys.append(OrderKey(schema.column(name), text.startswith("-")))
    if complaints:
        raise BadRowQuery(" ".join(one.message for one in complaints[:5]), errors=complaints)
    return tuple(keys)


def order_by(keys: Sequence[OrderKey], last: str) -> str:
    """Return an ``ORDER BY`` clause that ends with the column ``last``."""
    return " ORDER BY " + ", ".join([*(key.to_sql() for key in keys), identifier(last)])
