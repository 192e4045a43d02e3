"""Questions to the rows of a version as they stand in an address."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from datasets.errors import BadRowQuery
from datasets.querying import Filter, RowQuery, parse_columns, parse_filters, parse_order
from datasets.schema import Schema

_MOST_CHARACTERS = 100_000


def row_query_of(parameters: QueryDict, schema: Schema) -> RowQuery:
    """Return what ``filters`` (a list in JSON), ``order`` and ``columns`` (repeated) ask for.

    Raises
    ------
    BadRowQuery
        Naming what is not known to the schema, or cannot be read.
    """
    return RowQuery(
        columns=parse_columns(parameters.getlist("columns"), schema),
        filters=parse_filters(_read(parameters.get("filters") or "[]"), schema),
        order=parse_order([text for text in parameters.getlist("order") if text], schema),
    )


def _read(text: str) -> Any:
    if len(text) > _MOST_CHARACTERS:
        raise BadRowQuery("The filters are too long.", field="filters")
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRowQuery("The filters are not valid JSON.", field="filters") from None


def _refuse(name: str) -> None:
    raise ValueError(name)


def filters_text(filters: tuple[Filter, ...]) -> str:
    """Return filters as :func:`row_query_of` reads them; empty for none."""
    if not filters:
        return ""
    return json.dumps([_described(one) for one in filters], ensure_ascii=False)


def _described(one: Filter) -> dict[str, Any]:
    told: dict[str, Any] = {"column": one.column.name, "operator": one.operator.value}
    values = [value if _is_plain(value) else str(value) for value in one.values]
    if one.operator in ("between", "in"):
        return {**told, "value": values}
    return {**told, "value": values[0]} if values else told


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def address_query(query: RowQuery, schema: Schema, **more: str) -> str:
    """Return the part of an address behind the question mark that asks for the same rows again."""
    pairs = [*more.items()]
    if query.filters:
        pairs.append(("filters", filters_text(query.filters)))
    pairs += [("order", str(key)) for key in query.order]
    if query.columns != schema.names:
        pairs += [("columns", name) for name in query.columns]
    return urlencode(pairs)
