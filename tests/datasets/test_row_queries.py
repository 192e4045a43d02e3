"""Filters, orders and pages of rows: as a naive model says, and nothing that is not offered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import Role
from datasets.engine.tables import EngineLimits, connect
from datasets.errors import BadRowQuery
from datasets.models import DatasetVersion
from datasets.querying import Filter, Operator, OrderKey, parse_columns, parse_filters, parse_order
from datasets.querying.filters import operators_of, where
from datasets.querying.ordering import order_by
from datasets.schema import Column, ColumnType, Schema

SCHEMA = Schema(
    (
        Column("n", ColumnType.INTEGER),
        Column('x"; drop', ColumnType.NUMBER),
        Column("text", ColumnType.STRING),
        Column("yes", ColumnType.BOOLEAN),
        Column("at", ColumnType.TIMESTAMP),
    )
)
MOMENTS = [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
VALUES: dict[str, list[Any]] = {
    "n": [None, 0, 1, -(2**63), 2**63 - 1, 7],
    'x"; drop': [None, 0.0, -1.5, 1e300, 5e-324, 7.0],
    "text": [None, "", "a", "A", "a'b", "%_\\", "é", "a\x00b"],
    "yes": [None, True, False],
    "at": [None, *MOMENTS],
}


def a_filter() -> st.SearchStrategy[Filter]:
    def of(column: Column) -> st.SearchStrategy[Filter]:
        value = st.sampled_from([v for v in VALUES[column.name] if v is not None])

        def with_operator(operator: Operator) -> st.SearchStrategy[Filter]:
            count = {"between": (2, 2), "in": (1, 3), "is_null": (0, 0), "not_null": (0, 0)}
            low, high = count.get(operator.value, (1, 1))
            chosen = st.lists(value, min_size=low, max_size=high).map(tuple)
            return chosen.map(lambda values: Filter(column, operator, values))

        return st.sampled_from(operators_of(column)).flatmap(with_operator)

    return st.sampled_from(list(SCHEMA)).flatmap(of)


def passes(row: dict[str, Any], one: Filter) -> bool:
    found, values = row[one.column.name], one.values
    simple: dict[Operator, Callable[[], bool]] = {
        Operator.IS_NULL: lambda: found is None,
        Operator.NOT_NULL: lambda: found is not None,
        Operator.NOT: lambda: found is None or found != values[0],
    }
    if one.operator in simple:
        return simple[one.operator]()
    if found is None:
        return False
    checks: dict[Operator, Callable[[], bool]] = {
        Operator.EQUALS: lambda: found == values[0],
        Operator.CONTAINS: lambda: values[0] in found,
        Operator.LESS: lambda: found < values[0],
        Operator.AT_MOST: lambda: found <= values[0],
        Operator.MORE: lambda: found > values[0],
        Operator.AT_LEAST: lambda: found >= values[0],
        Operator.BETWEEN: lambda: values[0] <= found <= values[1],
        Operator.IN: lambda: found in values,
    }
    return bool(checks[one.operator]())


def in_order(rows: list[dict[str, Any]], keys: list[OrderKey]) -> list[dict[str, Any]]:
    for key in reversed(keys):
        name = key.column.name
        there = [row for row in rows if row[name] is not None]
        missing = [row for row in rows if row[name] is None]
        there.sort(
            key=lambda row: row[name].encode() if isinstance(row[name], str) else row[name],
            reverse=key.descending,
        )
        if key.descending:  # rows that are equal keep their order
            groups: dict[Any, list[dict[str, Any]]] = {}
            for row in rows:
                groups.setdefault(row[name], []).append(row)
            seen: list[dict[str, Any]] = []
            for value in dict.fromkeys(row[name] for row in there):
                seen += groups[value]
            there = seen
        rows = there + missing
    return rows


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: st.sampled_from(found) for name, found in VALUES.items()}),
        max_size=12,
    ),
    filters=st.lists(a_filter(), max_size=3),
    order=st.lists(
        st.builds(OrderKey, st.sampled_from(list(SCHEMA)), st.booleans()),
        max_size=3,
        unique_by=lambda key: key.column.name,
    ),
)
def test_filters_and_orders_do_what_a_loop_over_rows_does(
    engine: Any, rows: list[dict[str, Any]], filters: list[Filter], order: list[OrderKey]
) -> None:
    numbered = [{"__row__": i, **row} for i, row in enumerate(rows)]
    schema = pa.schema([pa.field("__row__", pa.int64()), *SCHEMA.to_arrow()])
    engine.register("t", pa.Table.from_pylist(numbered, schema=schema))
    condition, parameters = where(filters)
    sql = f"SELECT __row__ FROM t{condition}{order_by(order, '__row__')}"
    found = [row[0] for row in engine.execute(sql, parameters).fetchall()]
    kept = [row for row in numbered if all(passes(row, one) for one in filters)]
    assert found == [row["__row__"] for row in in_order(kept, order)]


@pytest.fixture(scope="module")
def engine() -> Any:
    return connect(EngineLimits(memory_bytes=100 * 1024**2, threads=1))


@pytest.mark.parametrize(
    ("given_filters", "fields"),
    [
        ([{"column": "nope", "operator": "equals", "value": 1}], ["filters[0].column"]),
        ([{"column": "n", "operator": "like", "value": 1}], ["filters[0].operator"]),
        ([{"column": "n", "operator": "contains", "value": "1"}], ["filters[0].operator"]),
        ([{"column": "yes", "operator": "less", "value": True}], ["filters[0].operator"]),
        ([{"column": "n", "operator": "equals", "value": "x"}], ["filters[0].value"]),
        ([{"column": "n", "operator": "equals", "value": 2**63}], ["filters[0].value"]),
        ([{"column": "n", "operator": "equals", "value": True}], ["filters[0].value"]),
        ([{"column": "text", "operator": "equals", "value": None}], ["filters[0].value"]),
        ([{"column": "text", "operator": "equals", "value": "\ud800"}], ["filters[0].value"]),
        ([{"column": "at", "operator": "more", "value": "yesterday"}], ["filters[0].value"]),
        ([{"column": "n", "operator": "between", "value": [1]}], ["filters[0].value"]),
        ([{"column": "n", "operator": "in", "value": []}], ["filters[0].value"]),
        ([{"column": "n", "operator": "is_null", "value": 1}], ["filters[0].value"]),
        (
            [{"column": "a"}, {"column": "n", "operator": "equals", "value": 1}, "x"],
            ["filters[0].column", "filters[2]"],
        ),
        ({"n": 1}, ["filters"]),
        ([{"column": "n", "operator": "not_null"}] * 21, ["filters"]),
    ],
)
def test_what_is_not_offered_is_named(given_filters: Any, fields: list[str]) -> None:
    with pytest.raises(BadRowQuery) as refusal:
        parse_filters(given_filters, SCHEMA)
    assert [one.field for one in refusal.value.errors] == fields


def test_text_that_spells_a_value_will_do() -> None:
    filters = parse_filters(
        [
            {"column": "n", "operator": "equals", "value": " 12 "},
            {"column": "n", "operator": "equals", "value": "9007199254740993.0"},
            {"column": "n", "operator": "equals", "value": "1.2e1"},
            {"column": 'x"; drop', "operator": "less", "value": "1.5"},
            {"column": "yes", "operator": "not", "value": "Yes"},
            {"column": "at", "operator": "at_least", "value": "2020-01-01T02:00+02:00"},
        ],
        SCHEMA,
    )
    assert [one.values[0] for one in filters] == [
        12,
        2**53 + 1,
        12,
        1.5,
        True,
        MOMENTS[0],
    ]
    for text in ("nan", "inf", "1e999999", "1.5", "12a", "", "1e30"):
        with pytest.raises(BadRowQuery):
            parse_filters([{"column": "n", "operator": "equals", "value": text}], SCHEMA)


def test_an_order_names_known_columns_once() -> None:
    keys = parse_order(["-n", "+text"], SCHEMA)
    assert [(key.column.name, key.descending) for key in keys] == [("n", True), ("text", False)]
    for wrong in (["nope"], ["n", "-n"], ["n; drop table"], ["n"] * 11):
        with pytest.raises(BadRowQuery):
            parse_order(wrong, SCHEMA)
    for wrong in (["nope"], ["n", "n"]):
        with pytest.raises(BadRowQuery):
            parse_columns(wrong, SCHEMA)
    signed = OrderKey(Column("-a", ColumnType.STRING))
    assert parse_order([str(signed)], Schema((signed.column,))) == (signed,)


CSV = b"id,job,age,at\n" + b"".join(
    f"{i},{('admin', '', 'clerk')[i % 3]},{(i * 7) % 40},2020-01-{i % 28 + 1:02d}\n".encode()
    for i in range(100)
)


def rows_of(client: APIClient, version: DatasetVersion, **query: Any) -> Any:
    if "filters" in query and not isinstance(query["filters"], str):
        query["filters"] = json.dumps(query["filters"])
    return client.get(f"/api/v1/dataset-versions/{version.pk}/rows/", query)


def test_rows_are_filtered_sorted_and_paged_over_rest(
    api: Callable[..., APIClient], ingested: Callable[..., DatasetVersion]
) -> None:
    version = ingested(CSV)
    client = api(Role.VIEWER)
    filters = [{"column": "job", "operator": "equals", "value": "admin"}]
    query = {"filters": filters, "order": ["-age", "at"], "columns": ["id", "age"], "limit": 10}
    first = rows_of(client, version, **query).json()
    assert (first["row_count"], first["matching_count"], first["columns"]) == (
        100,
        34,
        ["id", "age"],
    )
    expected = sorted(
        (i for i in range(100) if i % 3 == 0), key=lambda i: (-((i * 7) % 40), i % 28, i)
    )
    pages = [first["rows"]]
    pages += [rows_of(client, version, **query, offset=o).json()["rows"] for o in (10, 20, 30, 40)]
    assert [row[0] for page in pages for row in page] == expected
    plain = rows_of(client, version, columns=["age", "id"], offset=98).json()
    assert plain == {
        "offset": 98,
        "row_count": 100,
        "columns": ["age", "id"],
        "rows": [[6, 98], [13, 99]],
    }


def test_a_bad_question_is_a_problem_that_names_it(
    api: Callable[..., APIClient], ingested: Callable[..., DatasetVersion]
) -> None:
    version = ingested(b"a\n1\n")
    client = api()
    for query in (
        {"filters": [{"column": "b", "operator": "equals", "value": 1}]},
        {"filters": [{"column": "a", "operator": "sounds_like", "value": 1}]},
        {"filters": "{"},
        {"filters": "[NaN]"},
        {"filters": "[" * 50_000},
        {"order": "b"},
        {"columns": "__row__"},
        {"limit": 201},
        {"offset": -1},
    ):
        answer = rows_of(client, version, **query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["field"].startswith(next(iter(query)))
