"""The betting test: what it promises, and what its numbers are."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retraining.champion_challenger import (
    MAX_STAKE,
    Comparison,
    Outcome,
    brier_losses,
    challenger_level,
    clipped_absolute_errors,
    compare,
    decide,
    error_scale,
    play,
    zero_one_losses,
)

DIFFERENCES = st.lists(
    st.floats(min_value=-1.0, max_value=1.0, allow_nan=False), min_size=1, max_size=80
)
MARGINS = st.floats(min_value=0.0, max_value=0.5)


@given(differences=DIFFERENCES, margin=MARGINS)
def test_wealth_stays_positive_and_stakes_stay_below_ruin(
    differences: list[float], margin: float
) -> None:
    path = play(differences, margin=margin)
    assert np.all(path.wealth > 0.0)
    assert np.all(path.stakes >= 0.0)
    assert np.all(path.stakes <= MAX_STAKE / (1.0 + margin))


@given(past=DIFFERENCES, one_future=DIFFERENCES, other_future=DIFFERENCES, margin=MARGINS)
def test_the_future_changes_neither_past_wealth_nor_the_next_stake(
    past: list[float], one_future: list[float], other_future: list[float], margin: float
) -> None:
    one = play(past + one_future, margin=margin)
    other = play(past + other_future, margin=margin)
    rows = len(past)
    assert one.wealth[:rows].tolist() == other.wealth[:rows].tolist()
    assert one.stakes[: rows + 1].tolist() == other.stakes[: rows + 1].tolist()


@given(differences=DIFFERENCES, margin=MARGINS, level=st.floats(min_value=0.001, max_value=0.5))
def test_a_recorded_comparison_replays_to_the_same_decision(
    differences: list[float], margin: float, level: float
) -> None:
    losses = np.maximum(differences, 0.0), np.maximum(np.negative(differences), 0.0)
    first = compare(*losses, margin=margin, horizon=60)
    record = first.to_dict()
    again = Comparison.from_dict(record)
    assert decide(again, level=level) == decide(first, level=level)
    assert again.to_dict() == record


@given(differences=DIFFERENCES)
def test_harm_is_the_gain_of_the_other_side(differences: list[float]) -> None:
    zero = np.zeros(len(differences))
    up, down = np.maximum(differences, 0.0), np.maximum(np.negative(differences), 0.0)
    straight = compare(up, down, horizon=1000)
    swapped = compare(down, up, horizon=1000)
    assert straight.gain.wealth.tolist() == swapped.harm.wealth.tolist()
    assert straight.harm.wealth.tolist() == swapped.gain.wealth.tolist()
    assert play(zero).final == 1.0


def test_the_wealth_is_the_product_of_its_own_bets() -> None:
    path = play(np.random.default_rng(3).uniform(-1, 1, 200), margin=0.02)
    by_hand = np.cumprod(1.0 + path.stakes * (path.differences - 0.02))
    np.testing.assert_allclose(path.wealth, by_hand, rtol=1e-12)


@pytest.mark.parametrize("kind", ["coin", "rare_errors", "skewed", "regression"])
def test_without_a_difference_few_challengers_are_promoted(kind: str) -> None:
    """1,000 endpoints, 400 rows each: false promotions stay below α (two standard errors)."""
    rng = np.random.default_rng(20_240)
    level, runs, promoted, harmed = 0.05, 1000, 0, 0
    for _ in range(runs):
        champion, challenger = _equal_losses(kind, rng)
        outcome = decide(compare(champion, challenger, horizon=400), level=level).outcome
        promoted += outcome is Outcome.BETTER
        harmed += outcome is Outcome.WORSE
    allowed = runs * level + 2.0 * np.sqrt(runs * level * (1 - level))
    assert promoted <= allowed
    assert harmed <= allowed


def _equal_losses(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    rows = 400
    if kind == "coin":
        return rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    if kind == "rare_errors":
        return rng.random(rows) < 0.03, rng.random(rows) < 0.03
    if kind == "skewed":  # often a little worse, seldom much better: mean zero
        difference = np.where(rng.random(rows) < 0.1, 0.9, -0.1)
        return np.maximum(difference, 0.0), np.maximum(-difference, 0.0)
    return np.minimum(np.abs(rng.normal(size=rows)), 1), np.minimum(
        np.abs(rng.normal(size=rows)), 1
    )


@pytest.mark.parametrize(
    ("champion_rate", "challenger_rate", "rows"), [(0.30, 0.15, 400), (0.20, 0.05, 300)]
)
def test_a_real_gain_is_found_within_a_few_hundred_rows(
    champion_rate: float, challenger_rate: float, rows: int
) -> None:
    rng = np.random.default_rng(77)
    level, runs, found = challenger_level(0.05, 1), 300, 0
    for _ in range(runs):
        champion = rng.random(rows) < champion_rate
        challenger = rng.random(rows) < challenger_rate
        found += (
            decide(compare(champion, challenger, horizon=rows), level=level).outcome
            is Outcome.BETTER
        )
    assert found / runs >= 0.85


def test_a_real_harm_is_found_too() -> None:
    rng = np.random.default_rng(5)
    champion, challenger = rng.random(400) < 0.05, rng.random(400) < 0.3
    decision = decide(compare(champion, challenger, horizon=400), level=0.03)
    assert decision.outcome is Outcome.WORSE
    assert decision.decided_after_rows is not None
    assert decision.decided_after_rows < 200


def test_a_rich_bettor_stops_and_wealth_stays_a_number() -> None:
    path = play(np.ones(5000))
    assert np.all(np.isfinite(path.wealth))
    assert path.stakes[-1] == 0.0
    assert path.final >= 1e15


def test_a_gain_below_the_margin_is_not_worth_a_change() -> None:
    rng = np.random.default_rng(6)
    champion, challenger = rng.random(2000) < 0.20, rng.random(2000) < 0.17
    assert (
        decide(compare(champion, challenger, margin=0.1, horizon=2000), level=0.05).outcome
        is not Outcome.BETTER
    )


def test_equal_models_are_inconclusive_and_nothing_is_extrapolated() -> None:
    decision = decide(compare([0.2] * 50, [0.2] * 50, horizon=50), level=0.05)
    assert decision.outcome is Outcome.INCONCLUSIVE
    assert decision.decided_after_rows is None
    assert decision.further_rows is None
    assert decision.wealth == 1.0


def test_an_unfinished_gain_says_how_many_rows_it_lacks() -> None:
    champion, challenger = np.tile([0.3, 0.2], 20), np.full(40, 0.15)
    short = decide(compare(champion, challenger, horizon=40), level=0.001)
    assert short.outcome is Outcome.INCONCLUSIVE
    assert short.further_rows is not None
    long = compare(
        np.tile([0.3, 0.2], 20 + short.further_rows),
        np.full(40 + 2 * short.further_rows, 0.15),
        horizon=10_000,
    )
    after = decide(long, level=0.001).decided_after_rows
    assert after is not None
    assert after <= 40 + short.further_rows + 1


def test_rows_after_the_horizon_do_not_count() -> None:
    champion = np.concatenate([np.zeros(30), np.ones(300)])
    decision = decide(compare(champion, np.zeros(330), horizon=30), level=0.05)
    assert decision.outcome is Outcome.INCONCLUSIVE


def test_the_levels_of_all_challengers_add_up_to_alpha() -> None:
    spent = sum(challenger_level(0.05, k) for k in range(1, 20_001))
    assert 0.0499 < spent <= 0.05


def test_brier_losses_of_many_classes_and_of_an_unknown_label() -> None:
    losses = brier_losses(["a", "c", "z"], np.eye(3), ["a", "b", "c"])
    assert losses.tolist() == [0.0, 1.0, 1.0]
    rng = np.random.default_rng(1)
    forecast = rng.dirichlet(np.ones(4), size=200)
    bounded = brier_losses(rng.integers(0, 5, 200).tolist(), forecast, [0, 1, 2, 3])
    assert np.all((bounded >= 0.0) & (bounded <= 1.0))


def test_zero_one_losses_compare_values_not_identities() -> None:
    assert zero_one_losses([1, "a", True], [1.0, "b", True]).tolist() == [0.0, 1.0, 0.0]


def test_absolute_errors_are_scaled_and_clipped() -> None:
    scale = error_scale([0.0, 0.0])
    assert scale > 0.0
    assert clipped_absolute_errors([0.0], [1.0], scale=scale).tolist() == [1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: play([1.5]),
        lambda: play([float("nan")]),
        lambda: play([0.0], margin=1.0),
        lambda: compare([0.0], [0.0, 1.0], horizon=5),
        lambda: compare([0.0], [0.0], horizon=0),
        lambda: decide(compare([0.0], [0.0], horizon=1), level=0.0),
        lambda: challenger_level(0.05, 0),
        lambda: challenger_level(1.0, 1),
        lambda: zero_one_losses([1], []),
        lambda: brier_losses(["a"], [[0.5, 0.5]], ["a"]),
        lambda: clipped_absolute_errors([1.0], [1.0], scale=0.0),
        lambda: error_scale([]),
    ],
)
def test_what_makes_no_sense_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=r"\w"):
        call()


@pytest.mark.parametrize("name", ["betting", "comparison", "losses", "spending"])
def test_the_examples_in_the_docs_hold(name: str) -> None:
    module = importlib.import_module(f"retraining.champion_challenger.{name}")
    assert doctest.testmod(module).failed == 0
