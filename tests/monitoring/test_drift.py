"""The statistics of drift: worked cases, golden numbers, and how often quiet windows alarm."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, false_discovery_control

from monitoring.drift import (
    Thresholds,
    bins_of,
    compare_counts,
    compare_windows,
    count_into,
    jensen_shannon_distance,
    q_values,
    quality_of,
)
from monitoring.drift.statistics import (
    hellinger_distance,
    kolmogorov_smirnov,
    l_infinity_distance,
    normed_wasserstein_distance,
    population_stability_index,
)

LOOSE = Thresholds(level=0.01, effect_floor=0.0)


def column(values: Any) -> pd.Series[Any]:
    return pd.Series(values)


def shares(counts: Any) -> np.ndarray[Any, Any]:
    return np.asarray(np.asarray(counts) / np.sum(counts))


def test_continuous_columns_are_cut_at_the_references_deciles() -> None:
    reference = column(np.arange(1, 101, dtype=float))
    bins = bins_of(reference, is_numeric=True)
    assert count_into(bins, reference).tolist() == [10] * 10 + [0]
    assert count_into(bins, column([-1e9, 1e9, math.nan])).tolist() == [1] + [0] * 8 + [1, 1]
    assert len(bins.labels) == 11


def test_a_constant_column_that_moves_down_is_seen() -> None:
    reference, current = column([5.0] * 200), column([4.0] * 200)
    bins = bins_of(reference, is_numeric=True)
    found = compare_counts(count_into(bins, reference), count_into(bins, current))
    assert found.effect_size == pytest.approx(1.0)
    assert found.p_value is not None
    assert found.p_value < 1e-50


def test_rare_and_unknown_categories_share_a_bin() -> None:
    reference = column([f"c{number}" for number in range(80)] + ["often"] * 20)
    bins = bins_of(reference, is_numeric=False)
    assert len(bins.own_values) == 50
    assert bins.own_values[0] == "often"
    counts = count_into(bins, column(["often", "never seen", None]))
    assert (counts[0], counts[-2], counts[-1]) == (1, 1, 1)


def test_the_test_equals_scipys_where_no_bin_is_sparse() -> None:
    table = np.array([[100, 200, 300], [120, 160, 310]])
    found = compare_counts(table[0], table[1])
    expected = chi2_contingency(table, correction=False)
    assert found.chi_square == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees_of_freedom == 2


def test_sparse_bins_are_pooled_and_what_cannot_be_tested_is_said() -> None:
    found = compare_counts(np.array([500, 1, 1, 1]), np.array([480, 2, 0, 1]))
    assert found.degrees_of_freedom in (0, 1)
    assert compare_counts(np.array([7, 0]), np.array([9, 0])).p_value is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_q_values_are_benjamini_and_hochbergs(p_values: list[float]) -> None:
    assert q_values(p_values) == pytest.approx(false_discovery_control(p_values).tolist())


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any),
    st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any),
)
def test_the_effect_is_a_symmetric_distance_between_zero_and_one(
    a: list[int], b: list[int]
) -> None:
    there = compare_counts(np.array(a), np.array(b)).effect_size
    assert there == pytest.approx(compare_counts(np.array(b), np.array(a)).effect_size)
    assert -1e-12 <= there <= 1 + 1e-12
    assert compare_counts(np.array(a), np.array(a)).effect_size == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("rows", [100, 400, 2000])
@pytest.mark.parametrize("categories", [3, 10, 50])
def test_quiet_windows_alarm_no_more_often_than_stated(rows: int, categories: int) -> None:
    """With the effect floor taken away, the test alone must keep its level (400 windows, ± 3 sd)."""
    random = np.random.default_rng(rows * categories)
    weights = random.dirichlet(np.ones(categories))
    alarms = 0
    for _ in range(400):
        before, now = random.multinomial(1000, weights), random.multinomial(rows, weights)
        p_value = compare_counts(before, now).p_value
        alarms += p_value is not None and p_value <= 0.05
    assert alarms <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)


def test_thirty_quiet_columns_seldom_give_an_alarm() -> None:
    random = np.random.default_rng(5)
    names = [f"x{number}" for number in range(30)]
    alarms = 0
    for _ in range(30):
        before = pd.DataFrame(random.normal(size=(600, 30)), columns=names)
        now = pd.DataFrame(random.normal(size=(300, 30)), columns=names)
        found = compare_windows(before, now, numeric=dict.fromkeys(names, True), thresholds=LOOSE)
        alarms += found.verdict == "drift"
    assert alarms <= 3


def test_a_shift_of_half_a_deviation_is_found_and_blamed_on_its_column() -> None:
    random = np.random.default_rng(1)
    before = pd.DataFrame({"a": random.normal(size=800), "b": random.normal(size=800)})
    now = pd.DataFrame({"a": random.normal(size=300), "b": random.normal(0.6, size=300)})
    found = compare_windows(before, now, numeric={"a": True, "b": True}, thresholds=Thresholds())
    assert {one.column: one.verdict for one in found.columns} == {"a": "no_drift", "b": "drift"}
    assert found.columns[1].detail["ks_p"] < 1e-6


def test_a_jump_of_the_missing_rate_is_drift() -> None:
    random = np.random.default_rng(2)
    before = pd.DataFrame({"a": random.normal(size=800)})
    now = pd.DataFrame({"a": np.where(random.random(300) < 0.4, np.nan, random.normal(size=300))})
    found = compare_windows(before, now, numeric={"a": True}, thresholds=Thresholds())
    assert found.verdict == "drift"
    quality = quality_of(before["a"], now["a"], is_numeric=True)
    assert quality.missing == pytest.approx(0.4, abs=0.1)


def test_too_few_rows_are_a_verdict_of_their_own() -> None:
    before = pd.DataFrame({"a": np.arange(500.0)})
    now = pd.DataFrame({"a": np.full(49, 1e6)})
    found = compare_windows(before, now, numeric={"a": True}, thresholds=Thresholds())
    assert found.verdict == "not_enough_data"
    assert found.columns[0].effect_size is not None
    empty = compare_windows(before, now.iloc[:0], numeric={"a": True}, thresholds=Thresholds())
    assert empty.verdict == "not_enough_data"
    assert empty.columns[0].effect_size is None


def test_odd_columns_are_answered_without_a_warning() -> None:
    rows = 100
    frame = pd.DataFrame(
        {
            "nothing": [None] * rows,
            "constant": [1.0] * rows,
            "truth": [True, False] * (rows // 2),
            "whole": list(range(5)) * (rows // 5),
            "ids": [f"id-{number}" for number in range(rows)],
        }
    )
    numeric = {"nothing": True, "constant": True, "truth": False, "whole": True, "ids": False}
    found = compare_windows(frame, frame, numeric=numeric, thresholds=Thresholds())
    assert {one.verdict for one in found.columns} == {"no_drift"}
    for name, is_numeric in numeric.items():
        assert quality_of(frame[name], frame[name], is_numeric=is_numeric).unseen in (0.0, None)


def test_quality_counts_what_training_never_had() -> None:
    words = quality_of(column(["a", "b"]), column(["a", "c", None, "c"]), is_numeric=False)
    assert words.unseen == pytest.approx(2 / 3)
    assert words.missing == 0.25
    numbers = quality_of(column([0.0, 1.0]), column([-1.0, 0.5, 2.0, 3.0]), is_numeric=True)
    assert (numbers.below_range, numbers.above_range) == (0.25, 0.5)


@pytest.mark.shared
def test_golden_numbers_of_numeric_and_categorical_columns(shared_path: Path) -> None:
    folder = shared_path / "golden"
    golden = json.loads((folder / "golden_scipy.json").read_text())
    checked = 0
    for case, kinds in json.loads((folder / "cases.json").read_text()).items():
        before = pd.read_parquet(folder / f"{case}.ref.parquet")
        now = pd.read_parquet(folder / f"{case}.cur.parquet")
        for name in kinds["num"]:
            known = golden[case][name]
            old, new = (frame[name].dropna().to_numpy(float) for frame in (before, now))
            test = kolmogorov_smirnov(old, new)
            assert test.statistic == pytest.approx(known["ks_stat"], rel=1e-9)
            assert test.p_value == pytest.approx(known["ks_p"], rel=1e-6, abs=1e-300)
            assert normed_wasserstein_distance(old, new) == pytest.approx(
                known["wasserstein_norm"], rel=1e-9
            )
            edges = np.unique(np.quantile(old, np.arange(1, 10) / 10))
            counts = [
                np.bincount(np.searchsorted(edges, one, side="left"), minlength=len(edges) + 1)
                for one in (old, new)
            ]
            p, q = shares(counts[0]), shares(counts[1])
            assert jensen_shannon_distance(p, q) == pytest.approx(known["js2_decile"], rel=1e-9)
            assert population_stability_index(p, q) == pytest.approx(known["psi_decile"], rel=1e-9)
            assert hellinger_distance(p, q) == pytest.approx(known["hellinger_decile"], rel=1e-9)
            checked += 1
        for name in kinds["cat"]:
            known = golden[case][name]
            old, new = (frame[name].dropna().astype(str) for frame in (before, now))
            union = sorted(set(old) | set(new))
            counts = [
                one.value_counts().reindex(union, fill_value=0).to_numpy() for one in (old, new)
            ]
            p, q = shares(counts[0]), shares(counts[1])
            assert jensen_shannon_distance(p, q) == pytest.approx(known["js2"], rel=1e-9)
            assert hellinger_distance(p, q) == pytest.approx(known["hellinger"], rel=1e-9)
            assert l_infinity_distance(p, q) == pytest.approx(known["l_infinity"], rel=1e-9)
            found = compare_counts(counts[0], counts[1])
            if (
                found.p_value is not None and found.degrees_of_freedom == known["dof"]
            ):  # nothing was pooled
                assert found.chi_square == pytest.approx(known["chi2"], rel=1e-9)
                assert found.p_value == pytest.approx(known["chi2_p"], rel=1e-6, abs=1e-300)
            checked += 1
    assert checked > 40


@pytest.mark.shared
def test_halves_of_real_data_are_quiet_and_a_real_change_is_not(shared_path: Path) -> None:
    folder = shared_path / "golden"
    kinds = json.loads((folder / "cases.json").read_text())
    verdicts = {}
    for case in ("adult_null", "cancer_small"):
        numeric = {
            **dict.fromkeys(kinds[case]["num"], True),
            **dict.fromkeys(kinds[case]["cat"], False),
        }
        found = compare_windows(
            pd.read_parquet(folder / f"{case}.ref.parquet"),
            pd.read_parquet(folder / f"{case}.cur.parquet"),
            numeric=numeric,
            thresholds=Thresholds(),
        )
        verdicts[case] = found.verdict
    assert verdicts == {"adult_null": "no_drift", "cancer_small": "drift"}
