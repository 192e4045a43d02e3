"""Which rows and columns are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FieldError
from datasets.errors import BadRowQuery
from datasets.querying.filters import Filter
from datasets.querying.ordering import OrderKey
from datasets.schema import Schema


@dataclass(frozen=True, slots=True)
class RowQuery:
    """A question to the rows of one version; every name in it is known to its schema."""

    columns: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    order: tuple[OrderKey, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether all rows are meant, in the order in which they came."""
        return not self.filters and not self.order


def parse_columns(given: Sequence[str], schema: Schema) -> tuple[str, ...]:
    """Return the columns asked for, in that order; all of them, when none is named.

    Raises
    ------
    BadRowQuery
        Naming unknown columns and columns that are named twice.
    """
    if not given:
        return schema.names
    seen: set[str] = set()
    complaints: list[FieldError] = []
    for name in given:
        if name not in schema:
            complaints.append(FieldError("columns", f"There is no column {name[:80]!r}."))
        elif name in seen:
            complaints.append(FieldError("columns", f"Column {name[:80]!r} is named twice."))
        seen.add(name)
    if complaints:
        raise BadRowQuery(" ".join(one.message for one in complaints[:5]), errors=complaints[:100])
    return tuple(given)
