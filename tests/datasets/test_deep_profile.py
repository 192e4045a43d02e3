"""What is measured about a table as a whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from datasets.profile import profile_table
from datasets.profile.association import associations, cramers_v, mid_ranks, pairwise_pearson
from datasets.profile.deep import deep_profile
from datasets.profile.duplication import RowHashes
from datasets.profile.over_time import TargetCourse
from datasets.profile.sample import sampled_column
from datasets.schema import ColumnType, Role, Schema
from datasets.schema.arrow import schema_from_arrow

RNG = np.random.default_rng(20_260_101)


def measured(
    table: pa.Table,
    target: str | None = None,
    roles: dict[str, Role] | None = None,
    *,
    batch_rows: int = 700,
    **options: Any,
) -> dict[str, Any]:
    schema = schema_from_arrow(table.schema)
    table = table.cast(schema.to_arrow())
    schema = schema.with_roles(
        {c.name: Role.TIMESTAMP for c in schema if c.type is ColumnType.TIMESTAMP}
    ).with_roles(roles or {})
    basic = profile_table(schema, table).to_dict()["columns"]
    found = deep_profile(
        table.to_batches(max_chunksize=batch_rows),
        schema,
        row_count=table.num_rows,
        target=target,
        profiles={column["name"]: column for column in basic},
        progress=lambda part, stage: None,
        **options,
    ).to_dict()
    json.dumps(found, allow_nan=False)
    return found


def suspects(found: dict[str, Any]) -> dict[str, str]:
    return {one["column"]: one["reason"] for one in found["leakage"]["suspects"]}


def credit(rows: int = 3000) -> dict[str, Any]:
    """Ordinary features, and a target that they explain a little."""
    features = {f"x{i}": RNG.normal(size=rows) for i in range(4)}
    drawn = features["x0"] + features["x1"] + 2 * RNG.normal(size=rows)
    return {
        **features,
        "city": RNG.choice(["a", "b", "c"], rows),
        "y": np.where(drawn > 1, "yes", "no"),
    }


def test_columns_that_are_missing_together_are_one_pattern() -> None:
    rows = 2000
    gone = np.arange(rows) % 10 == 0
    alone = np.arange(rows) % 50 == 1
    table = pa.table(
        {
            "a": pa.array(np.arange(rows, dtype=float), mask=gone),
            "b": pa.array(["t"] * rows, mask=gone),
            "c": pa.array(np.arange(rows), mask=alone),
            "d": np.ones(rows),
        }
    )
    found = measured(table)["missingness"]
    assert [(p["columns"], p["rows"]) for p in found["patterns"]] == [
        (["a", "b"], 200),
        (["c"], 40),
    ]
    assert found["complete_rows"] == 1760
    assert found["pattern_count"] == 2
    assert [one["name"] for one in found["columns"]] == ["a", "b", "c"]
    assert found["together"] == [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.5])),
            st.one_of(st.none(), st.sampled_from(["", "a", "b"])),
            st.one_of(st.none(), st.booleans()),
        ),
        max_size=40,
    ),
    st.integers(1, 50),
)
def test_duplicates_are_those_that_a_dictionary_finds(rows: list[Any], batch_rows: int) -> None:
    names = ["number", "text", "flag"]
    types = [pa.float64(), pa.string(), pa.bool_()]
    table = pa.table(
        [pa.array([row[at] for row in rows], type=types[at]) for at in range(3)], names=names
    )
    hashes = RowHashes(schema_from_arrow(table.schema))
    for batch in table.to_batches(max_chunksize=batch_rows):
        hashes.update(batch)
    found = hashes.result()
    seen: dict[Any, list[int]] = {}
    for number, row in enumerate(rows, start=1):
        seen.setdefault(row, []).append(number)
    groups = [numbers for numbers in seen.values() if len(numbers) > 1]
    assert found.groups == len(groups)
    assert found.surplus_rows == sum(len(numbers) - 1 for numbers in groups)
    assert {numbers for _, numbers in found.examples} <= {tuple(g[:8]) for g in groups}


def test_an_identifier_does_not_hide_a_duplicate() -> None:
    table = pa.table({"id": [1, 2, 3], "name": ["a", "b", "a"]})
    assert measured(table)["duplication"]["groups"] == 0
    found = measured(table, roles={"id": Role.IDENTIFIER})["duplication"]
    assert found["examples"] == [{"count": 2, "row_numbers": [1, 3]}]
    assert found["columns_ignored"] == ["id"]


def test_numeric_associations_equal_those_of_scipy_also_with_gaps() -> None:
    x = RNG.normal(size=400)
    y = np.round(x + RNG.normal(size=400), 1)
    gone = RNG.random(400) < 0.2
    table = pa.table({"x": x, "y": pa.array(y, mask=gone)})
    (pair,) = measured(table)["associations"]["pairs"]
    assert pair["strength"] == pytest.approx(
        stats.spearmanr(x[~gone], y[~gone]).statistic, abs=1e-6
    )
    assert pair["pearson"] == pytest.approx(stats.pearsonr(x[~gone], y[~gone]).statistic, abs=1e-6)
    assert pair["rows"] == int((~gone).sum())


def test_ranks_of_ties_are_those_of_scipy() -> None:
    values = RNG.integers(0, 5, 50).astype(float)
    assert mid_ranks(values) + 25.5 == pytest.approx(stats.rankdata(values))


def test_huge_and_tiny_numbers_stay_finite() -> None:
    table = pa.table({"huge": [1e308, -1e308, 9e307] * 20, "tiny": [1e-308, 2e-308, 3e-308] * 20})
    (pair,) = measured(table)["associations"]["pairs"]
    assert -1 <= pair["strength"] <= 1


def test_a_line_without_spread_has_no_correlation() -> None:
    assert np.isnan(pairwise_pearson(np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]))[0, 1])


def test_categories_that_have_nothing_to_do_with_each_other_get_about_nothing() -> None:
    many, other = RNG.integers(0, 60, 2000), RNG.integers(0, 60, 2000)
    corrected = cramers_v(many, other)
    table = np.zeros((60, 60))
    np.add.at(table, (many, other), 1)
    plain = stats.contingency.association(table.astype(int), method="cramer")
    assert plain > 0.15
    assert corrected is not None
    assert corrected < 0.06


def test_numbers_and_categories_are_compared_and_free_text_is_left_out() -> None:
    kind = RNG.choice(["a", "b", "c"], 600)
    table = pa.table(
        {
            "kind": kind,
            "number": np.where(kind == "a", 3.0, 0.0) + RNG.normal(size=600),
            "noise": RNG.normal(size=600),
            "text": [f"word {i}" for i in range(600)],
            "same": np.ones(600),
        }
    )
    found = measured(table)["associations"]
    strength = {(p["first"], p["second"]): p["strength"] for p in found["pairs"]}
    assert strength["number", "kind"] > 0.7
    assert strength["noise", "kind"] < 0.15
    assert found["skipped"] == [
        {"column": "text", "reason": "too_many_categories"},
        {"column": "same", "reason": "constant"},
    ]


def test_thirty_columns_are_all_compared() -> None:
    table = pa.table({f"c{i}": RNG.normal(size=50) for i in range(30)})
    schema = schema_from_arrow(table.schema)
    found = associations([sampled_column(c, table.column(c.name)) for c in schema])
    assert len(found.pairs) == 30 * 29 // 2


def test_ordinary_features_are_no_suspects() -> None:
    found = measured(pa.table(credit()), "y")
    assert found["leakage"]["verdict"] == "measured"
    assert suspects(found) == {}


def test_a_copy_of_the_target_is_a_suspect() -> None:
    data = credit()
    table = pa.table({**data, "outcome": np.where(data["y"] == "yes", 1, 0)})
    assert suspects(measured(table, "y")) == {"outcome": "copy"}


def test_a_column_that_stands_out_is_a_suspect_unless_it_is_ignored() -> None:
    data = credit()
    length = np.where(data["y"] == "yes", 1.6, 0.0) + RNG.normal(size=3000)
    table = pa.table({**data, "length": length})
    assert suspects(measured(table, "y")) == {"length": "stands_out"}
    assert suspects(measured(table, "y", {"length": Role.IGNORED})) == {}


def test_two_leaks_do_not_hide_each_other() -> None:
    data = credit()
    length = np.where(data["y"] == "yes", 2.0, 0.0) + RNG.normal(size=3000)
    table = pa.table({**data, "length": length, "again": length + 0.3 * RNG.normal(size=3000)})
    assert suspects(measured(table, "y")) == {"length": "stands_out", "again": "stands_out"}


def test_a_column_that_is_filled_in_after_the_outcome_is_a_suspect() -> None:
    data = credit()
    table = pa.table({**data, "reason": pa.array(["late"] * 3000, mask=data["y"] == "no")})
    assert suspects(measured(table, "y")) == {"reason": "missing_tells"}


def test_the_parts_of_a_sum_are_suspects() -> None:
    parts = {f"part{i}": RNG.poisson(20 * (i + 1), 1000) for i in range(3)}
    table = pa.table({**parts, "x": RNG.normal(size=1000), "total": sum(parts.values())})
    assert suspects(measured(table, "total")) == dict.fromkeys(parts, "part_of_target")


def test_a_column_that_names_rows_is_a_suspect() -> None:
    table = pa.table({**credit(), "number": np.arange(3000)})
    found = measured(table, "y")
    assert suspects(found) == {"number": "identifier"}
    assert suspects(measured(table, "y", {"number": Role.IDENTIFIER})) == {}


@pytest.mark.parametrize(
    ("rows", "values", "verdict"),
    [
        (50, ["a", "b"], "too_few_rows"),
        (200, ["a"], "one_class"),
        (200, [f"v{i}" for i in range(30)], "too_many_classes"),
    ],
)
def test_a_target_that_cannot_be_measured_against_has_a_verdict_of_its_own(
    rows: int, values: list[str], verdict: str
) -> None:
    table = pa.table({"x": np.arange(rows, dtype=float), "y": (values * rows)[:rows]})
    found = measured(table, "y")["leakage"]
    assert (found["verdict"], found["suspects"]) == (verdict, [])


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "iris", "wine"])
def test_honest_public_data_has_no_suspects(name: str) -> None:
    import sklearn.datasets

    frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    found = measured(pa.Table.from_pandas(frame, preserve_index=False), "target")
    assert suspects(found) == {}


def test_the_course_of_a_share_follows_the_calendar() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(hours=6 * i) for i in range(4 * 366)]
    labels = ["yes" if moment.month > 6 and i % 2 else "no" for i, moment in enumerate(moments)]
    table = pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC")), "y": labels})
    found = measured(table, "y")["over_time"]
    assert (found["by"], found["unit"], found["series"]) == ("at", "week", ["yes"])
    shares = [period["values"][0] for period in found["periods"]]
    assert shares[0] == 0.0
    assert shares[-1] == pytest.approx(0.5, abs=0.1)
    assert sum(period["rows"] for period in found["periods"]) == len(moments)
    for period in found["periods"]:
        assert period["lows"][0] <= period["values"][0] <= period["highs"][0]


@pytest.mark.parametrize(
    ("span", "unit"),
    [
        (timedelta(hours=30), "hour"),
        (timedelta(days=40), "day"),
        (timedelta(days=1200), "month"),
        (timedelta(days=3000), "quarter"),
        (timedelta(days=9000), "year"),
        (timedelta(days=90_000), "5 years"),
    ],
)
def test_the_unit_fits_the_span(span: timedelta, unit: str) -> None:
    moments = [datetime(1700, 3, 1, tzinfo=UTC) + span * part for part in (0, 0.5, 1)]
    table = pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC")), "y": [1.5, None, 2.5]})
    course = TargetCourse("y", "at", is_classes=False)
    for batch in table.to_batches():
        course.update(batch)
    found = course.result()
    assert found is not None
    assert found.unit == unit
    assert len(found.periods) <= 60
    assert [p.values for p in found.periods if p.rows] == [(1.5,), (2.5,)]


def test_without_a_timestamp_the_order_of_the_rows_counts() -> None:
    table = pa.table({"y": np.arange(100, dtype=float)})
    found = measured(table, "y")["over_time"]
    assert (found["by"], found["unit"], len(found["periods"])) == (None, "rows", 40)
    assert found["periods"][0]["label"] == "rows 1 to 3"
    assert found["periods"][-1]["label"].endswith("to 100")
    assert sum(period["rows"] for period in found["periods"]) == 100


def test_lengths_of_texts_are_counted_over_all_rows() -> None:
    table = pa.table({"text": ["", "ab", None, "abcd", "ab"]})
    (found,) = measured(table)["texts"]
    assert (found["texts"], found["empty"], found["median"], found["longest"]) == (4, 1, 2, 4)
    assert sum(one["count"] for one in found["histogram"]) == 4


def test_columns_that_carry_nothing_or_too_much_are_pointed_out() -> None:
    rows = 500
    table = pa.table(
        {
            "nothing": pa.nulls(rows, pa.float64()),
            "same": ["x"] * rows,
            "almost": ["x"] * (rows - 1) + ["y"],
            "code": [f"K-{i:05d}" for i in range(rows)],
            "story": [f"it was {i} times" for i in range(rows)],
            "value": RNG.normal(size=rows),
        }
    )
    found = {one["column"]: one["code"] for one in measured(table)["findings"]}
    assert found == {
        "nothing": "all_null",
        "same": "constant",
        "almost": "nearly_constant",
        "code": "identifier",
        "story": "many_categories",
    }


def test_a_sample_is_said_to_be_one_and_does_not_depend_on_batches() -> None:
    table = pa.table(credit())
    one = measured(table, "y", sample_rows=1000, batch_rows=100)
    other = measured(table, "y", sample_rows=1000, batch_rows=2999)
    assert one == other
    assert (one["sample_rows"], one["is_sampled"], one["row_count"]) == (1000, True, 3000)
    assert one["leakage"]["rows"] == 1000


def test_a_table_of_nulls_can_be_measured() -> None:
    table = pa.table({name: pa.nulls(150, type_.arrow) for name, type_ in _each_type()})
    found = measured(table, "string")
    assert found["missingness"]["complete_rows"] == 0
    assert found["over_time"] is None
    assert found["leakage"]["verdict"] == "too_few_rows"


def _each_type() -> list[tuple[str, ColumnType]]:
    return [(type_.value, type_) for type_ in ColumnType]


def test_an_empty_schema_of_rows_is_no_trouble() -> None:
    found = deep_profile(
        [],
        Schema(()),
        row_count=0,
        target=None,
        profiles={},
        progress=lambda part, stage: None,
    )
    assert found.to_dict()["missingness"]["patterns"] == []
