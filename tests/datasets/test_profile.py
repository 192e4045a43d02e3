"""Profiles say what is there, in finite JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.profile import TableProfile, profile_column, role_of
from datasets.profile.text_length import length_bounds
from datasets.schema import ColumnType, Role


def profiled(type_: ColumnType, values: list[Any], name: str = "x") -> dict[str, Any]:
    data = profile_column(name, type_, pa.chunked_array([pa.array(values, type_.arrow)])).to_dict()
    json.dumps(data, allow_nan=False)
    return data


def test_numbers_have_quantiles_and_a_histogram() -> None:
    data = profiled(ColumnType.NUMBER, [*np.arange(101.0).tolist(), None])
    assert (data["rows"], data["nulls"], data["distinct"]) == (102, 1, 101)
    levels = {item["p"]: item["value"] for item in data["quantiles"]}
    assert (levels[0.0], levels[0.25], levels[0.5], levels[1.0]) == (0.0, 25.0, 50.0, 100.0)
    assert sum(item["count"] for item in data["histogram"]) == 101
    assert data["mean"] == pytest.approx(50.0)


def test_the_ends_of_integers_are_exact() -> None:
    data = profiled(ColumnType.INTEGER, [2**63 - 1, -(2**63), 2**53 + 1])
    assert data["quantiles"][0]["value"] == -(2**63)
    assert data["quantiles"][-1]["value"] == 2**63 - 1


def test_text_has_its_most_frequent_values() -> None:
    values = ["a"] * 5 + ["b"] * 3 + [f"v{i:03}" for i in range(30)] + [None]
    data = profiled(ColumnType.STRING, values)
    assert data["top"][:2] == [{"value": "a", "count": 5}, {"value": "b", "count": 3}]
    assert len(data["top"]) == 20
    assert data["other_count"] == 12
    assert (data["shortest"], data["longest"]) == (1, 4)


def test_long_values_are_cut() -> None:
    data = profiled(ColumnType.STRING, ["x" * 5000])
    assert len(data["top"][0]["value"]) == 200


def test_moments_and_booleans_are_described() -> None:
    moments = [datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    data = profiled(ColumnType.TIMESTAMP, moments)
    assert data["quantiles"][4]["value"] == "2020-01-02T00:00:00+00:00"
    flags = profiled(ColumnType.BOOLEAN, [True, True, False, None])
    assert flags["top"] == [{"value": True, "count": 2}, {"value": False, "count": 1}]


@pytest.mark.parametrize("type_", list(ColumnType))
def test_a_column_without_values_has_a_profile(type_: ColumnType) -> None:
    data = profiled(type_, [None, None])
    assert (data["nulls"], data["distinct"], data["is_constant"]) == (2, 0, True)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_any_finite_numbers_give_finite_json(values: list[float]) -> None:
    data = profiled(ColumnType.NUMBER, values)
    assert sum(item["count"] for item in data["histogram"]) == len(values)


def test_remarkable_columns_are_noted() -> None:
    columns = [
        profile_column("empty", ColumnType.STRING, pa.nulls(3, pa.string())),
        profile_column("same", ColumnType.INTEGER, pa.array([1, 1, 1])),
        profile_column("almost", ColumnType.STRING, pa.array(["1"] * 19 + ["\x1160"])),
    ]
    profile = TableProfile.of(3, columns)
    assert [note.code for note in profile.notes] == ["all_null", "constant", "almost_numeric"]
    assert "'\\x1160'" in profile.notes[-1].message


@pytest.mark.parametrize(
    ("name", "type_", "values", "role"),
    [
        ("customer_id", ColumnType.INTEGER, list(range(30)), Role.IDENTIFIER),
        ("userId", ColumnType.INTEGER, list(range(30)), Role.IDENTIFIER),
        ("uuid", ColumnType.STRING, [str(i) for i in range(30)], Role.IDENTIFIER),
        ("customer_id", ColumnType.INTEGER, [1] * 30, Role.FEATURE),
        ("humid", ColumnType.INTEGER, list(range(30)), Role.FEATURE),
        ("price", ColumnType.INTEGER, list(range(30)), Role.FEATURE),
        ("at", ColumnType.TIMESTAMP, [0], Role.TIMESTAMP),
    ],
)
def test_roles_follow_from_names_and_values(
    name: str, type_: ColumnType, values: list[Any], role: Role
) -> None:
    assert role_of(profile_column(name, type_, pa.array(values, type_.arrow))) is role


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=1))
def test_lengths_are_counted_in_characters(texts: list[str]) -> None:
    lengths = [len(text) for text in texts]
    values = pa.array(["before them", *texts, "and behind them"]).slice(1, len(texts))
    assert length_bounds(values) == (min(lengths), max(lengths))
