"""Each kind of check measured on small tables: what passes, what fails, what cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from datasets.checking.evaluation import CheckVerdict, Outcome, Subject, evaluate
from datasets.checking.kinds import KINDS, CheckSpec, checked_spec
from datasets.checking.tables import ROW, CheckedTable, Tables
from datasets.errors import CheckRefused
from datasets.schema import Schema
from datasets.schema.arrow import schema_from_arrow
from datasets.schema.limits import ValueLimits

Judge = Callable[..., Outcome]
NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    with Tables(tmp_path) as opened:
        yield opened


@pytest.fixture
def judge(tables: Tables) -> Judge:
    """Return a function that carries a check out on columns of values."""

    def take(columns: dict[str, Any], label: str) -> CheckedTable:
        table = pa.table(columns)
        schema = schema_from_arrow(table.schema)
        rows = table.cast(schema.to_arrow()).add_column(
            0, ROW, pa.array(range(table.num_rows), pa.int64())
        )
        return tables.add(rows, schema=schema, row_count=table.num_rows, label=label)

    def carry_out(
        kind: str,
        columns: list[str],
        data: dict[str, Any],
        *,
        before: dict[str, Any] | None = None,
        other: dict[str, Any] | None = None,
        **parameters: Any,
    ) -> Outcome:
        subject = Subject(
            tables=tables,
            rows=take(data, "v2"),
            at=NOON,
            baseline=lambda number: None if before is None else take(before, "v1"),
            other=lambda name: None if other is None else take(other, name),
        )
        return evaluate(checked_spec(kind, columns, parameters), subject)

    return carry_out


LATER = datetime(2034, 5, 2, tzinfo=UTC)
AT = pa.array([datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, 11, tzinfo=UTC), None])

CASES: list[tuple[str, list[str], dict[str, Any], dict[str, Any], str, int | None, list[int]]] = [
    ("completeness", ["a"], {"a": [1, None, 3]}, {}, "failed", 1, [2]),
    ("completeness", ["a"], {"a": [1, None, 3]}, {"max_null_fraction": 0.4}, "passed", 0, []),
    ("uniqueness", ["a"], {"a": [1, 2, 1, None, None]}, {}, "failed", 1, [3]),
    ("uniqueness", ["a", "b"], {"a": [1, 1, 1], "b": ["x", "y", "x"]}, {}, "failed", 1, [3]),
    ("uniqueness", ["a", "b"], {"a": [1, 1], "b": ["x", "y"]}, {}, "passed", 0, []),
    ("uniqueness", ["a"], {"a": [1, 1]}, {"max_count": 1}, "passed", 1, []),
    ("range", ["a"], {"a": [0, 5, 11, None]}, {"minimum": 0, "maximum": 10}, "failed", 1, [3]),
    ("range", ["a"], {"a": [0.5, 10.0]}, {"minimum": 0, "maximum": 10}, "passed", 0, []),
    ("range", ["a"], {"a": [-1, 5]}, {"minimum": 0, "max_fraction": 0.5}, "passed", 1, []),
    ("range", ["t"], {"t": AT}, {"minimum": "2024-05-02"}, "failed", 1, [1]),
    ("range", ["t"], {"t": AT}, {"minimum": 3}, "error", None, []),
    ("set", ["s"], {"s": ["x", "z", None]}, {"values": ["x", "y"]}, "failed", 1, [2]),
    ("set", ["a"], {"a": [1, 2]}, {"values": [1.0, 2, 3]}, "passed", 0, []),
    ("set", ["b"], {"b": [True, None]}, {"values": [False]}, "failed", 1, [1]),
    ("set", ["a"], {"a": [1, 2]}, {"values": ["1"]}, "failed", 2, [1, 2]),
    ("regex", ["s"], {"s": ["ab", "abc", None]}, {"pattern": "[a-b]+"}, "failed", 1, [2]),
    ("regex", ["s"], {"s": ["ab", "ba"]}, {"pattern": "[a-b]{2}"}, "passed", 0, []),
    ("type", ["s"], {"s": ["1", " 2", "x", None]}, {"type": "integer"}, "failed", 1, [3]),
    ("type", ["a"], {"a": [1, 2]}, {"type": "number"}, "passed", 0, []),
    ("type", ["a"], {"a": [1.5, None]}, {"type": "string"}, "failed", 1, [1]),
    ("row_count", [], {"a": [1, 2]}, {"minimum": 3}, "failed", None, []),
    ("row_count", [], {"a": [1, 2]}, {"maximum": 3}, "passed", None, []),
    ("row_count", [], {"a": [1]}, {"max_change_fraction": 0.1}, "not_enough_data", None, []),
    ("freshness", ["t"], {"t": AT}, {"max_age_hours": 2}, "passed", None, []),
    ("freshness", ["t"], {"t": AT}, {"max_age_hours": 0.5}, "failed", None, [2]),
    (
        "freshness",
        ["t"],
        {"t": [*AT.to_pylist(), LATER]},
        {"max_age_hours": 0.5},
        "failed",
        None,
        [2],
    ),
    ("freshness", ["t"], {"t": [LATER]}, {"max_age_hours": 2}, "not_enough_data", None, []),
    ("duplicates", [], {"a": [1, 2, 1], "s": ["x", "x", "x"]}, {}, "failed", 1, [3]),
    ("duplicates", [], {"a": [None, None], "s": ["x", "x"]}, {}, "failed", 1, [2]),
    ("duplicates", [], {"a": [1, 2], "s": ["x", "x"]}, {}, "passed", 0, []),
    ("new_categories", ["s"], {"s": ["x"]}, {}, "not_enough_data", None, []),
    ("drift", [], {"a": [1.0]}, {}, "not_enough_data", None, []),
    ("completeness", ["gone"], {"a": [1]}, {}, "error", None, []),
    ("regex", ["a"], {"a": [1]}, {"pattern": "x"}, "error", None, []),
]


@pytest.mark.parametrize(
    ("kind", "columns", "data", "parameters", "verdict", "failed", "rows"),
    CASES,
    ids=[f"{case[0]}-{case[4]}-{at}" for at, case in enumerate(CASES)],
)
def test_a_check_answers_with_counts_and_rows(
    judge: Judge,
    kind: str,
    columns: list[str],
    data: dict[str, Any],
    parameters: dict[str, Any],
    verdict: str,
    failed: int | None,
    rows: list[int],
) -> None:
    found = judge(kind, columns, data, **parameters)
    assert (found.verdict.value, found.failed_count) == (verdict, failed), found.message
    assert [sample["row"] for sample in found.samples] == rows


def test_a_repeated_row_names_the_row_that_it_repeats(judge: Judge) -> None:
    found = judge("duplicates", [], {"a": [7, 8, 8, 7]})
    assert [(s["row"], s["repeats_row"], s["values"]["a"]) for s in found.samples] == [
        (3, 2, 8),
        (4, 1, 7),
    ]


def test_at_most_twenty_rows_are_shown(judge: Judge) -> None:
    found = judge("range", ["a"], {"a": list(range(100))}, maximum=9)
    assert found.failed_count == 90
    assert [sample["row"] for sample in found.samples] == list(range(11, 31))


def test_rows_are_counted_against_the_version_before(judge: Judge) -> None:
    data, before = {"a": [1] * 7}, {"a": [1] * 10}
    found = judge("row_count", [], data, before=before, max_change_fraction=0.2)
    assert found.verdict is CheckVerdict.FAILED
    assert found.observed["change_fraction"] == pytest.approx(-0.3)
    fine = judge("row_count", [], data, before=before, max_change_fraction=0.3)
    assert fine.verdict is CheckVerdict.PASSED


def test_new_values_are_named(judge: Judge) -> None:
    data, before = {"s": ["x", "z", "z", None]}, {"s": ["x", "y", None]}
    found = judge("new_categories", ["s"], data, before=before)
    assert found.observed["new_values"] == {"s": ["z"]}
    assert [sample["row"] for sample in found.samples] == [2, 3]
    assert judge("new_categories", ["s"], before, before=before).verdict is CheckVerdict.PASSED
    few = judge("new_categories", ["s"], data, before=before, max_count=1)
    assert few.verdict is CheckVerdict.PASSED
    other = judge("new_categories", ["s"], data, before={"s": [1]})
    assert other.verdict is CheckVerdict.NOT_ENOUGH_DATA


def test_a_foreign_key_is_looked_up_in_the_other_dataset(judge: Judge) -> None:
    data = {"k": [1, 2, 9, None]}
    found = judge("foreign_key", ["k"], data, other={"id": [1, 2, 3]}, dataset="towns", column="id")
    assert (found.verdict, found.failed_count) == (CheckVerdict.FAILED, 1)
    assert found.samples[0]["row"] == 3
    options = {"dataset": "towns", "column": "id"}
    fine = judge("foreign_key", ["k"], data, other={"id": [1, 2, 9]}, **options)
    assert fine.verdict is CheckVerdict.PASSED
    none = judge("foreign_key", ["k"], data, **options)
    assert none.verdict is CheckVerdict.NOT_ENOUGH_DATA
    for other in ({"id": ["1"]}, {"name": [1]}):
        strange = judge("foreign_key", ["k"], data, other=other, **options)
        assert strange.verdict is CheckVerdict.ERROR


def test_drift_needs_both_a_sure_and_a_large_difference(judge: Judge) -> None:
    rng = np.random.default_rng(3)
    before = {"x": rng.normal(size=4_000), "s": rng.choice(["a", "b", "c"], 4_000)}
    same = {"x": rng.normal(size=4_000), "s": rng.choice(["a", "b", "c"], 4_000)}
    shifted = {"x": rng.normal(0.8, size=4_000), "s": same["s"]}
    slightly = {"x": rng.normal(0.12, size=4_000), "s": same["s"]}
    assert judge("drift", [], same, before=before).verdict is CheckVerdict.PASSED
    found = judge("drift", [], shifted, before=before)
    assert found.verdict is CheckVerdict.FAILED
    assert "'x'" in found.message
    sure = judge("drift", [], slightly, before=before)
    assert sure.observed["columns"]["x"]["q_value"] < 0.01
    assert sure.verdict is CheckVerdict.PASSED
    few = {name: values[:30] for name, values in shifted.items()}
    assert judge("drift", [], few, before=before).verdict is CheckVerdict.NOT_ENOUGH_DATA


def test_a_column_that_lost_its_values_or_changed_its_type_drifts_all_the_same(
    judge: Judge,
) -> None:
    before = {"a": list(range(200)), "k": [1, 2] * 100}
    gone = {"a": pa.array([None] * 200, pa.string()), "k": [1.0, 2.0] * 100}
    found = judge("drift", [], gone, before=before)
    assert (found.verdict, found.failed_count) == (CheckVerdict.FAILED, 1)
    assert found.observed["columns"]["a"]["distance"] == 1.0
    assert found.observed["columns"]["k"]["distance"] == 0.0
    assert judge("drift", [], before, before=gone).failed_count == 1
    spelt = {"a": [i + 0.5 for i in range(200)], "k": ["1", "x"] * 100}
    found = judge("drift", [], spelt, before=before)
    assert found.observed["columns"]["a"]["distance"] < 0.1
    assert found.observed["columns"]["k"]["distance"] > 0.5


def test_drift_without_a_change_is_hardly_ever_found(judge: Judge) -> None:
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(20):
        before = {f"x{i}": rng.normal(size=300) for i in range(5)}
        now = {f"x{i}": rng.normal(size=300) for i in range(5)}
        found = judge("drift", [], now, before=before, effect_floor=0.0, level=0.05)
        alarms += found.verdict is CheckVerdict.FAILED
    assert alarms <= 4  # about one is expected: 5 % of the comparisons of all columns


def test_an_end_that_the_database_made_whole_is_the_same_end(tables: Tables) -> None:
    rows = pa.table({ROW: [0, 1], "a": [1.0, 1e306]})
    schema = schema_from_arrow(rows.select(["a"]).schema)
    table = tables.add(rows, schema=schema, row_count=2, label="v1")
    subject = Subject(tables, table, NOON, lambda number: None, lambda name: None)
    stored = {
        "minimum": None,
        "maximum": 10**305,
        "max_fraction": 0.0,
    }  # 1e305 in PostgreSQL's JSON
    found = evaluate(CheckSpec("range", ("a",), stored), subject)
    assert (found.verdict, found.failed_count) == (CheckVerdict.FAILED, 1)
    limits = ValueLimits.from_dict({"maximum": 10**305, "minimum": -(10**305)})
    assert limits.misfits(pa.array([1.0, 1e306])).to_pylist() == [False, True]


def test_names_of_columns_are_never_sql(judge: Judge) -> None:
    evil = 'a" FROM rows_1; DROP TABLE rows_1; --'
    assert judge("completeness", [evil], {evil: [1, None]}).failed_count == 1
    assert judge("duplicates", [], {evil: [1, 1]}).failed_count == 1


REFUSED: list[tuple[Any, Any, Any, str]] = [
    ("money", [], {}, "kind"),
    ("range", "a", {"minimum": 1}, "columns"),
    ("range", [], {"minimum": 1}, "columns"),
    ("range", ["a"], [], "parameters"),
    ("range", ["a"], {}, "parameters.minimum"),
    ("range", ["a"], {"minimum": 2, "maximum": 1}, "parameters.maximum"),
    ("range", ["a"], {"minimum": 2, "maximum": "2024-01-01"}, "parameters.maximum"),
    ("range", ["a"], {"minimum": "soon"}, "parameters.minimum"),
    ("range", ["a"], {"minimum": float("inf")}, "parameters.minimum"),
    ("range", ["a"], {"minimum": 1, "strict": True}, "parameters.strict"),
    ("range", ["a"], {"minimum": -(2**70)}, "parameters.minimum"),
    ("range", ["a"], {"maximum": 2**63}, "parameters.maximum"),
    ("set", ["s"], {"values": ["a\0"]}, "parameters.values"),
    ("regex", ["s"], {"pattern": "a\0"}, "parameters.pattern"),
    ("foreign_key", ["a"], {"dataset": "a\0", "column": "b"}, "parameters.dataset"),
    ("range", ["s"], {"minimum": 1}, "columns"),
    ("set", ["s"], {"values": []}, "parameters.values"),
    ("set", ["s"], {"values": [{}]}, "parameters.values"),
    ("set", ["a"], {"values": [2**70]}, "parameters.values"),
    ("regex", ["s"], {"pattern": "("}, "parameters.pattern"),
    ("regex", ["s"], {"pattern": r"(a)\1"}, "parameters.pattern"),
    ("regex", ["s"], {"pattern": "(?=a)"}, "parameters.pattern"),
    ("regex", ["s"], {"pattern": "x" * 501}, "parameters.pattern"),
    ("type", ["s"], {"type": "money"}, "parameters.type"),
    ("row_count", ["a"], {"minimum": 1}, "columns"),
    ("row_count", [], {}, "parameters.minimum"),
    ("freshness", ["a"], {}, "columns"),
    ("completeness", ["nowhere"], {}, "columns"),
    ("completeness", ["a"], {"max_null_fraction": 2}, "parameters.max_null_fraction"),
    ("uniqueness", ["a"], {"max_count": 1.5}, "parameters.max_count"),
    ("foreign_key", ["a"], {"dataset": "", "column": "x"}, "parameters.dataset"),
]


@pytest.mark.parametrize(("kind", "columns", "parameters", "field"), REFUSED)
def test_a_check_that_makes_no_sense_is_refused_at_its_field(
    kind: Any, columns: Any, parameters: Any, field: str
) -> None:
    schema: Schema = schema_from_arrow(pa.schema({"a": pa.int64(), "s": pa.string()}))
    with pytest.raises(CheckRefused) as refused:
        checked_spec(kind, columns, parameters, schema=schema)
    assert refused.value.errors[0].field == field


def test_a_pattern_that_would_backtrack_for_ever_does_not(judge: Judge) -> None:
    found = judge("regex", ["s"], {"s": ["a" * 5_000 + "!"]}, pattern="(a+)+$")
    assert found.verdict is CheckVerdict.FAILED


def test_every_kind_says_what_it_is() -> None:
    for kind in KINDS.values():
        assert kind.description.endswith(".")
        assert all(one.schema()["description"] for one in kind.parameters)
