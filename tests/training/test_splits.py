"""Splitting rows: what no split may do, whatever the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import SplitRefused
from training.splits import Split, SplitPolicy, Splitter

HOUR_US = 3_600_000_000
_SEEDS = st.integers(0, 2**32 - 1)
_FRACTIONS = st.floats(0.05, 0.6)


def splitter(
    policy: SplitPolicy | None, target: Any, column: pd.Series[Any] | None = None
) -> Splitter:
    values = np.array(target, dtype=object)
    return Splitter.of(policy, values, by_class=isinstance(values[0], str), column=column)


def moments(hours: list[int]) -> pd.Series[Any]:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    return pd.Series([start + pd.Timedelta(hours=one) for one in hours], name="at")


@given(st.lists(st.integers(0, 12), min_size=20, max_size=80), _FRACTIONS, _SEEDS)
def test_no_group_is_on_both_sides(groups: list[int], fraction: float, seed: int) -> None:
    one = splitter(SplitPolicy("group", "g"), [1.0] * len(groups), pd.Series(groups))
    try:
        split: Split | None = one.split(test_fraction=fraction, seed=seed)
    except SplitRefused:
        split = None
    assert (split is None) == (len(set(groups)) < 3)
    if split is None:
        return
    names = np.array(groups)
    assert not set(names[split.train]) & set(names[split.test])
    assert len(split.train) > 0
    assert len(split.test) > 0
    assert len(split.train) + len(split.test) == len(groups)
    rows = split.train
    for train, test in one.folds(rows, folds=4, seed=seed):
        assert not set(names[rows[train]]) & set(names[rows[test]])


@given(st.lists(st.integers(0, 500), min_size=20, max_size=80), _FRACTIONS, st.floats(0, 100))
def test_no_row_is_learnt_from_that_is_later_than_a_tested_one_less_the_gap(
    hours: list[int], fraction: float, gap: float
) -> None:
    column = moments(hours)
    one = splitter(SplitPolicy("time", "at", gap), [1.0] * len(hours), column)
    at = column.to_numpy(dtype="datetime64[us]").astype(np.int64)

    def check(train: Any, test: Any) -> None:
        assert at[train].max() < at[test].min()
        assert at[train].max() <= at[test].min() - round(gap * HOUR_US)

    try:
        split = one.split(test_fraction=fraction, seed=0)
    except SplitRefused:
        return
    check(split.train, split.test)
    for train, test in one.folds(split.train, folds=4, seed=0):
        check(split.train[train], split.train[test])
    report = one.report(split, seed=0, test_fraction=fraction)
    assert report["train_rows"] + report["test_rows"] + report["left_out_rows"] == len(hours)
    assert report["train_to"] < report["boundary"] == report["test_from"]


@settings(max_examples=40)
@given(st.sampled_from(["random", "stratified", "group", "time"]), _SEEDS)
def test_the_same_seed_gives_the_same_split(policy: Any, seed: int) -> None:
    columns = {"group": pd.Series(np.arange(60) % 9), "time": moments(list(range(60)))}
    made = [
        splitter(
            SplitPolicy(policy, "x" if policy in columns else ""),
            ["yes", "no"] * 30,
            columns.get(policy),
        )
        for _ in range(2)
    ]
    reports = [
        one.report(one.split(test_fraction=0.25, seed=seed), seed=seed, test_fraction=0.25)
        for one in made
    ]
    assert reports[0] == reports[1]
    folds = [list(one.folds(np.arange(50), folds=3, seed=seed)) for one in made]
    for left, right in zip(*folds, strict=True):
        np.testing.assert_array_equal(left[0], right[0])


@given(st.integers(10, 60), st.integers(10, 60), _SEEDS)
def test_both_sides_have_the_shares_of_the_classes(yes: int, no: int, seed: int) -> None:
    target = np.array(["yes"] * yes + ["no"] * no, dtype=object)
    split = splitter(SplitPolicy("stratified"), target).split(test_fraction=0.3, seed=seed)
    expected = yes / (yes + no)
    share = (target[split.test] == "yes").sum()
    assert abs(share - expected * len(split.test)) <= 1


def test_another_seed_gives_another_split() -> None:
    one = splitter(SplitPolicy("random"), [1.0] * 100)
    assert (
        one.split(test_fraction=0.3, seed=1).digest != one.split(test_fraction=0.3, seed=2).digest
    )


def test_rows_of_one_moment_are_never_parted() -> None:
    one = splitter(SplitPolicy("time", "at"), [1.0] * 40, moments([0] * 10 + [1] * 30))
    split = one.split(test_fraction=0.2, seed=0)
    assert split.train.tolist() == list(range(10))


def test_rows_without_a_group_stand_alone() -> None:
    column = pd.Series([None] * 20 + ["a"] * 5, dtype=object)
    split = splitter(SplitPolicy("group", "g"), [1.0] * 25, column).split(test_fraction=0.3, seed=1)
    assert set(split.test) & set(range(20))


@pytest.mark.parametrize(
    ("policy", "target", "column", "field", "said"),
    [
        (SplitPolicy("stratified"), ["a"] * 19 + ["b"], None, "split.policy", "'b' has 1 row"),
        (SplitPolicy("stratified"), [1.0] * 20, None, "split.policy", "no classes"),
        (SplitPolicy("group", "g"), [1.0] * 20, pd.Series([1, 2] * 10), "split.column", "2 groups"),
        (SplitPolicy("time", "at"), [1.0] * 20, moments([5] * 20), "split.column", "same moment"),
        (SplitPolicy("time", "at", 99), [1.0] * 20, moments(list(range(20))), "split.gap_hours", "no row"),
        (
            SplitPolicy("time", "at"),
            [1.0] * 3,
            pd.Series([pd.Timestamp("2024"), pd.NaT, pd.NaT], name="at"),
            "split.column",
            "missing in 2 rows",
        ),
        (SplitPolicy("time", "at"), [1.0] * 20, pd.Series(range(20), name="at"), "split.column", "dates"),
        (
            SplitPolicy("time", "at"),
            ["a"] * 15 + ["b"] * 5,
            moments(list(range(20))),
            "split.policy",
            "'b' would be tested but never learnt",
        ),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_split_are_refused_with_the_reason(
    policy: SplitPolicy, target: Any, column: Any, field: str, said: str
) -> None:
    with pytest.raises(SplitRefused) as refused:
        splitter(policy, target, column).split(test_fraction=0.25, seed=0)
    assert refused.value.errors[0].field == field
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"policy": "magic"}, "split.policy"),
        ({}, "split.policy"),
        ({"policy": "group"}, "split.column"),
        ({"policy": "time", "column": 7}, "split.column"),
        ({"policy": "random", "column": "x"}, "split.column"),
        ({"policy": "group", "column": "x", "gap_hours": 1}, "split.gap_hours"),
        ({"policy": "time", "column": "x", "gap_hours": -1}, "split.gap_hours"),
        ({"policy": "time", "column": "x", "gap_hours": "1"}, "split.gap_hours"),
        ({"policy": "time", "column": "x", "gap": 1}, "split.gap"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(SplitRefused) as refused:
        SplitPolicy.from_dict(asked)
    assert refused.value.errors[0].field == field


def test_a_policy_survives_being_written_down() -> None:
    policy = SplitPolicy("time", "at", 12.0)
    assert SplitPolicy.from_dict(policy.to_dict()) == policy
