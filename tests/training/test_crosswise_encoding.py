"""Targets are encoded crosswise in the folds of the training's split: what is parted there is parted inside, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from datasets.recipes import RecipeTransformer
from training.execution import TrainingSpec, fit_version
from training.splits import SplitPolicy, Splitter

HOUR_US = 3_600_000_000


def encoded(
    frame: pd.DataFrame, target: Any, policy: SplitPolicy | None, by: str | None = None
) -> pd.Series[Any]:
    """Return the codes that training rows have, all rows being training rows."""
    splitter = Splitter.of(
        policy, target.astype(object), by_class=False, column=None if by is None else frame[by]
    )
    recipe = RecipeTransformer([{"kind": "target_encoding", "columns": ["town"], "smoothing": 1}])
    folding = splitter.folding_of(np.arange(len(frame)))
    codes: pd.Series[Any] = recipe.fit_transform(frame[["town"]], target, folding=folding)["town"]
    return codes


def shoppers(rows: int = 600) -> tuple[pd.DataFrame, Any]:
    """Return rows of 60 shoppers, each with a town and a target of its own, drawn without regard to each other."""
    rng = np.random.default_rng(2)
    shopper = rng.integers(0, 60, rows)
    answers = rng.permutation(np.arange(60) % 2).astype(float)
    frame = pd.DataFrame({"shopper": shopper, "town": [f"t{n}" for n in shopper]})
    return frame, answers[shopper]


def test_no_row_is_encoded_by_its_own_group() -> None:
    frame, target = shoppers()
    leaking = encoded(frame, target, None)
    assert np.corrcoef(leaking, target)[0, 1] > 0.95
    codes = encoded(frame, target, SplitPolicy("group", "shopper"), "shopper")
    # Nobody else comes from the town of a group: what is left is the mean of each fold's other rows.
    assert codes.nunique() <= 5
    assert np.corrcoef(codes, target)[0, 1] < 0.1
    again = encoded(frame, target, SplitPolicy("group", "shopper"), "shopper")
    assert codes.tolist() == again.tolist()


def hours(*, rows: int = 240) -> tuple[pd.DataFrame, Any]:
    """Return a row an hour, in no order."""
    rng = np.random.default_rng(4)
    at = pd.Series(pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"))
    frame = pd.DataFrame({"at": at, "town": rng.choice(["a", "b", "c"], rows)})
    frame = frame.sample(frac=1.0, random_state=1).reset_index(drop=True)
    return frame, rng.integers(0, 2, rows).astype(float)


@pytest.mark.parametrize("gap_hours", [0, 24])
def test_no_row_is_encoded_by_what_came_after_it_or_within_the_gap_before_it(
    gap_hours: int,
) -> None:
    frame, target = hours()
    policy = SplitPolicy("time", "at", float(gap_hours))
    codes = encoded(frame, target, policy, "at")
    place = frame["at"].rank().to_numpy().astype(int) - 1
    start = 120  # 240 rows in six stretches of 40: the fourth
    changed = target.copy()
    newest_learnt = start - max(gap_hours, 1)
    later = place > newest_learnt
    changed[later] = 1 - changed[later]
    told = encoded(frame, changed, policy, "at")
    stretch = (place >= start) & (place < start + 40)
    np.testing.assert_array_equal(codes[stretch], told[stretch])
    # Just before the gap is what they are encoded by.
    changed[place == newest_learnt] += 1
    assert not np.array_equal(codes[stretch], encoded(frame, changed, policy, "at")[stretch])


def test_the_first_stretch_of_time_has_the_overall_mean() -> None:
    frame, target = hours()
    codes = encoded(frame, target, SplitPolicy("time", "at"), "at")
    first = frame["at"].rank() <= 40
    np.testing.assert_allclose(codes[first], target.mean(), rtol=1e-6)
    assert codes[~first].nunique() > 3


@pytest.mark.parametrize("policy", ["random", "stratified"])
def test_other_policies_draw_at_random(policy: Any) -> None:
    frame, target = shoppers()
    codes = encoded(frame, target, SplitPolicy(policy))
    assert codes.tolist() == encoded(frame, target, None).tolist()


def test_a_model_that_is_split_by_group_does_not_learn_to_trust_the_codes_of_groups() -> None:
    frame, target = shoppers()
    frame["noise"] = np.random.default_rng(3).normal(size=len(frame))
    frame["bought"] = np.where(target > 0, "yes", "no")
    recipe = {
        "recipe": 1,
        "revision": 1,
        "name": "towns",
        "number": 1,
        "sha256": "",
        "steps": [{"kind": "target_encoding", "columns": ["town"], "smoothing": 1}],
    }

    def weight_of_town(split: SplitPolicy) -> float:
        spec = TrainingSpec(
            target="bought",
            features=("noise", "town"),
            task="classification",
            estimator="logistic",
            params={},
            folds=2,
            recipe=recipe,
            split=split,
        )
        table = pa.Table.from_pandas(frame, preserve_index=False)
        model = fit_version(spec, table).pipeline["model"]
        return float(np.abs(model.coef_).max())

    assert weight_of_town(SplitPolicy("random")) > 2
    assert weight_of_town(SplitPolicy("group", "shopper")) < 1
