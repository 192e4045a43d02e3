"""Every kind of step keeps the same promises; the list of kinds is the list of tests."""

from __future__ import annotations

import copy
import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from datasets.errors import RecipeRefused
from datasets.recipes import (
    STEP_KINDS,
    Kind,
    RecipeTransformer,
    build_steps,
    checked_steps,
    needed_columns,
    plan_of,
    steps_for,
)

MOMENTS = ["at"]

#: A step of each kind, over the mixed frame below.
STEPS: dict[str, dict[str, Any]] = {
    "select": {"columns": ["city", "age"]},
    "drop": {"columns": ["note"]},
    "rename": {"names": {"age": "years"}},
    "cast": {"columns": ["code"], "to": "number"},
    "fill": {"columns": ["age", "wage"], "strategy": "mean"},
    "clip": {"columns": ["wage"], "lower": 0, "upper_quantile": 0.9},
    "one_hot": {"columns": ["city"]},
    "ordinal": {"columns": ["city"]},
    "target_encoding": {"columns": ["city"]},
    "scale": {"columns": ["age", "wage"], "method": "robust"},
    "date_parts": {"columns": ["at"], "parts": ["hour", "weekday", "month"]},
    "text_hash": {"columns": ["note"], "buckets": 8},
    "expression": {"name": "ratio", "formula": "wage / age"},
}


def mixed(rows: int = 60) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Return rows with numbers, truths, text and moments, each missing now and then, and a target."""
    rng = np.random.default_rng(5)
    at = pd.Series(pd.Timestamp("2024-03-30T20:00:00Z") + pd.to_timedelta(range(rows), unit="h"))
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows).astype(float),
            "wage": rng.normal(3000, 900, rows),
            "is_new": [bool(one) for one in rng.integers(0, 2, rows)],
            "city": rng.choice(["Bonn", "Köln", "Ulm"], rows).astype(object),
            "code": [str(one) for one in rng.integers(1, 9, rows)],
            "note": rng.choice(["good pay", "late again", "Good"], rows).astype(object),
            "at": at,
        }
    )
    for position, name in enumerate(frame.columns):
        if name != "is_new":
            frame.loc[frame.index[position::11], name] = None
    return frame, rng.integers(0, 2, rows)


def recipe_of(*steps: dict[str, Any]) -> RecipeTransformer:
    return RecipeTransformer(list(steps), MOMENTS)


def of_kind(kind: str) -> RecipeTransformer:
    return recipe_of({"kind": kind, **STEPS[kind]})


def test_every_kind_is_tried() -> None:
    assert set(STEPS) == set(STEP_KINDS)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_a_step_says_what_it_does_and_its_example_is_valid(kind: str) -> None:
    step = STEP_KINDS[kind]
    assert len(step.__doc__ or "") > 20
    checked_steps([{"kind": kind, **step.example}])
    for parameter in step.parameters:
        json.dumps(parameter.schema())


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_a_step_gives_the_columns_that_it_announces(kind: str) -> None:
    frame, target = mixed()
    recipe = of_kind(kind)
    trained = recipe.fit_transform(frame, target)
    out = recipe.transform(frame)
    assert list(out.columns) == list(recipe.get_feature_names_out()) == list(trained.columns)
    assert len(out) == len(frame)
    assert all(dtype in (np.dtype(object), np.dtype(np.float32)) for dtype in out.dtypes)
    plan = plan_of(build_steps(recipe.steps), recipe.kinds_in_)
    for name in out.columns:
        assert plan.find(name, "").kind is (Kind.TEXT if out[name].dtype == object else Kind.NUMBER)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_a_step_by_itself_is_a_transformer(kind: str) -> None:
    frame, target = mixed()
    step = clone(build_steps([{"kind": kind, **STEPS[kind]}])[0])
    with pytest.raises(NotFittedError):
        step.transform(frame)
    step.fit_transform(frame, target)
    assert list(step.get_feature_names_out()) == list(step.transform(frame).columns)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_a_stored_step_answers_as_before(kind: str) -> None:
    frame, target = mixed()
    recipe = of_kind(kind).fit(frame, target)
    data = skops.io.dumps(recipe)
    assert skops.io.get_untrusted_types(data=data) == ["datasets.recipes.recipe.RecipeTransformer"]
    loaded = skops.io.loads(data, trusted=["datasets.recipes.recipe.RecipeTransformer"])
    for again in (loaded, pickle.loads(pickle.dumps(recipe)), copy.deepcopy(recipe)):
        pd.testing.assert_frame_equal(again.transform(frame), recipe.transform(frame))


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_no_row_at_all_gives_the_same_columns(kind: str) -> None:
    frame, target = mixed()
    recipe = of_kind(kind).fit(frame, target)
    none = recipe.transform(frame.iloc[:0])
    assert none.shape == (0, len(recipe.get_feature_names_out()))
    assert list(none.dtypes) == list(recipe.transform(frame).dtypes)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_strange_rows_are_answered(kind: str) -> None:
    frame, target = mixed()
    recipe = of_kind(kind).fit(frame, target)
    strange = pd.DataFrame(
        {
            "age": [math.nan, 1e30, -1e30, 0.0],
            "wage": [math.nan, 3.4e38, -3.4e38, 0.0],
            "is_new": [math.nan, 1.0, 0.0, 1.0],
            "city": pd.Series([None, "a town that nobody has seen", "", "Ulm"], dtype=object),
            "code": pd.Series([None, "1e400", "x" * 5000, "\ud800"], dtype=object),
            "note": pd.Series([None, "🦆 " * 9000, "\x00", "\ud800"], dtype=object),
            "at": pd.Series(
                [None, "no moment", "0001-01-01T00:00:00Z", "9999-12-31"], dtype=object
            ),
        }
    )
    out = recipe.transform(strange)
    numbers = out.select_dtypes("number").to_numpy()
    assert not np.isinf(numbers).any()
    alone = pd.concat([recipe.transform(strange.iloc[[row]]) for row in range(4)])
    pd.testing.assert_frame_equal(out, alone)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_columns_without_any_value_can_be_learnt_from(kind: str) -> None:
    frame, target = mixed()
    empty = frame.assign(
        age=np.nan,
        wage=np.nan,
        **{name: pd.Series([None] * len(frame), dtype=object) for name in ("city", "note", "code")},
    )
    recipe = of_kind(kind).fit(empty, target)
    assert len(recipe.transform(frame)) == len(frame)


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_the_order_and_number_of_columns_that_come_do_not_matter(kind: str) -> None:
    frame, target = mixed()
    recipe = of_kind(kind).fit(frame, target)
    turned = frame[list(frame.columns)[::-1]].assign(extra=1)
    pd.testing.assert_frame_equal(recipe.transform(turned), recipe.transform(frame))


def test_what_is_learnt_comes_from_the_training_rows_only() -> None:
    frame, target = mixed()
    recipe = recipe_of(
        {"kind": "fill", "columns": ["age"], "strategy": "mean"},
        {"kind": "scale", "columns": ["age"]},
    ).fit(frame.iloc[:30], target[:30])
    age = frame["age"].iloc[:30]
    filled = age.fillna(age.mean())
    expected = (frame["age"].fillna(age.mean()) - filled.mean()) / filled.std(ddof=0)
    np.testing.assert_allclose(recipe.transform(frame)["age"], expected, rtol=1e-5)


def test_target_encoding_does_not_show_a_row_its_own_target() -> None:
    """Categories that are all different say nothing, and must not seem to."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 400)
    frame = pd.DataFrame({"key": [f"k{row}" for row in range(400)]})
    recipe = recipe_of({"kind": "target_encoding", "columns": ["key"], "smoothing": 0})
    crosswise = recipe.fit_transform(frame, target)["key"].to_numpy()
    assert abs(np.corrcoef(crosswise, target)[0, 1]) < 0.2
    leaking = recipe.transform(frame)["key"].to_numpy()
    assert np.corrcoef(leaking, target)[0, 1] > 0.99


def test_target_encoding_cuts_its_rows_by_its_seed_and_by_nothing_else() -> None:
    frame, _ = mixed(200)
    target = np.random.default_rng(1).normal(size=200)

    def coded(seed: int) -> list[float]:
        recipe = recipe_of({"kind": "target_encoding", "columns": ["city"], "seed": seed})
        codes: list[float] = recipe.fit_transform(frame, target)["city"].tolist()
        return codes

    assert coded(3) == coded(3)
    assert coded(3) != coded(4)


def test_target_encoding_takes_the_folds_that_it_is_given() -> None:
    """Rows 0 and 1 code row 2; row 3 is in no fold and stays the overall mean."""
    frame = pd.DataFrame({"city": ["a", "b", "a", "a"]})
    target = np.array([1.0, 0.0, 5.0, 6.0])
    asked: list[tuple[int, int]] = []

    def folding(*, folds: int, seed: int) -> Any:
        asked.append((folds, seed))
        yield np.array([0, 1]), np.array([2])
        yield np.array([2, 3]), np.array([0, 1])

    recipe = recipe_of(
        {"kind": "target_encoding", "columns": ["city"], "smoothing": 0, "folds": 7, "seed": 9}
    )
    codes = recipe.fit_transform(frame, target, folding=folding)["city"]
    assert asked == [(7, 9)]
    assert codes.tolist() == [5.5, 5.5, 1.0, 3.0]  # nobody else is in b: the mean of the fold
    assert recipe.transform(frame)["city"].tolist() == [4.0, 0.0, 4.0, 4.0]


def test_target_encoding_is_the_mean_drawn_towards_the_whole() -> None:
    frame = pd.DataFrame({"city": ["a"] * 6 + ["b"] * 2})
    target = np.array([1.0] * 6 + [0.0] * 2)
    recipe = recipe_of({"kind": "target_encoding", "columns": ["city"], "smoothing": 2})
    out = recipe.fit(frame, target).transform(pd.DataFrame({"city": ["a", "b", "c"]}))
    np.testing.assert_allclose(out["city"], [(6 + 1.5) / 8, 1.5 / 4, 0.75])


def test_target_encoding_of_more_classes_makes_a_column_for_each() -> None:
    frame, _ = mixed()
    target = np.array(["gold", "silver", "tin"])[np.arange(60) % 3]
    recipe = of_kind("target_encoding").fit(frame, target)
    out = recipe.transform(frame)
    names = ["city=gold", "city=silver", "city=tin"]
    assert [name for name in out.columns if name.startswith("city")] == names
    np.testing.assert_allclose(out[names].sum(axis=1), 1, rtol=1e-6)


def test_date_parts_keep_to_the_clock_of_their_zone() -> None:
    """In Berlin the clock goes from 2 to 3 on 2024-03-31 at 01:00 UTC."""
    frame = pd.DataFrame(
        {"at": ["2024-03-31T00:59:00Z", "2024-03-31T01:00:00Z", "2024-12-31 23:30"]}
    )
    recipe = recipe_of(
        {
            "kind": "date_parts",
            "columns": ["at"],
            "parts": ["hour", "weekday", "is_weekend", "year"],
            "time_zone": "Europe/Berlin",
        }
    )
    out = recipe.fit_transform(frame)
    assert out["at_hour"].tolist() == [1, 3, 0]
    assert out["at_weekday"].tolist() == [6, 6, 2]
    assert out["at_is_weekend"].tolist() == [1, 1, 0]
    assert out["at_year"].tolist() == [2024, 2024, 2025]


@pytest.mark.parametrize("times", [1, 300])
def test_date_parts_beyond_the_years_of_a_clock_are_missing(times: int) -> None:
    moments = [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "2024-01-31T23:30:00Z",
    ]
    found = {}
    for zone in ("Europe/Berlin", "America/New_York"):
        step = {"kind": "date_parts", "columns": ["at"], "parts": ["year"], "time_zone": zone}
        out = RecipeTransformer([step]).fit_transform(pd.DataFrame({"at": moments * times}))
        found[zone] = out["at_year"].tolist()[: len(moments)]
    assert found == {
        "Europe/Berlin": pytest.approx([np.nan, np.nan, 1, np.nan, 2024], nan_ok=True),
        "America/New_York": pytest.approx([9999, np.nan, np.nan, np.nan, 2024], nan_ok=True),
    }


def test_moments_in_a_frame_and_on_the_wire_are_the_same() -> None:
    frame, _ = mixed()
    recipe = of_kind("date_parts").fit(frame)
    at = pd.Series([None if pd.isna(one) else one.isoformat() for one in frame["at"]], dtype=object)
    texts = frame.assign(at=at)
    pd.testing.assert_frame_equal(recipe.transform(texts), recipe.transform(frame))


def test_one_hot_keeps_the_most_frequent_and_forgets_the_rest() -> None:
    frame = pd.DataFrame({"city": ["a", "a", "b", "b", "c", ""]})
    recipe = recipe_of({"kind": "one_hot", "columns": ["city"], "max_categories": 2}).fit(frame)
    out = recipe.transform(pd.DataFrame({"city": ["a", "c", "", None]}))
    assert out.to_dict("list") == {"city=a": [1, 0, 0, 0], "city=b": [0, 0, 0, 0]}


def test_later_steps_can_name_one_hot_columns() -> None:
    frame, target = mixed()
    steps: list[dict[str, Any]] = [
        {"kind": "one_hot", "columns": ["city"]},
        {"kind": "expression", "name": "x", "formula": "`city=Ulm` * age"},
        {"kind": "select", "columns": ["x", "city=Bonn"]},
    ]
    assert list(recipe_of(*steps).fit_transform(frame, target).columns) == ["x", "city=Bonn"]
    steps[1]["formula"] = "`city=Rom` * age"
    with pytest.raises(RecipeRefused, match=r"steps\[1\].*city=Rom"):
        recipe_of(*steps).fit(frame, target)


def test_a_recipe_knows_which_columns_of_the_data_it_needs() -> None:
    kinds = {"a": Kind.NUMBER, "b": Kind.NUMBER, "c": Kind.TEXT, "t": Kind.MOMENT}
    steps = build_steps(
        [
            {"kind": "expression", "name": "sum", "formula": "a + b"},
            {"kind": "select", "columns": ["sum", "t"]},
        ]
    )
    assert needed_columns(steps, kinds) == {"a", "b"}


def test_steps_forget_columns_that_are_not_there_unless_they_look_at_them() -> None:
    kinds = dict.fromkeys("abcd", Kind.NUMBER)
    steps: list[dict[str, Any]] = [
        {"kind": "drop", "columns": ["a"]},
        {"kind": "rename", "names": {"b": "bb", "c": "cc"}},
        {"kind": "select", "columns": ["bb", "cc", "d"]},
        {"kind": "scale", "columns": ["d"]},
    ]
    left = steps_for(steps, kinds, ["b", "d"])
    assert [one["kind"] for one in left] == ["rename", "select", "scale"]
    assert left[0]["names"] == {"b": "bb"}
    assert left[1]["columns"] == ["bb", "d"]


@pytest.mark.parametrize(
    ("steps", "field", "said"),
    [
        ([], "steps", "one at least"),
        ("fill", "steps", "list"),
        ([{"kind": "drop", "columns": ["x"]}] * 51, "steps", "at most 50"),
        ([7], "steps[0]", "object"),
        ([{"kind": "os.system"}], "steps[0].kind", "one of"),
        ([{"kind": ["fill"]}], "steps[0].kind", "one of"),
        ([{"kind": "fill"}], "steps[0].columns", "missing"),
        ([{"kind": "fill", "columns": "age"}], "steps[0].columns", "list of names"),
        ([{"kind": "fill", "columns": ["a", "a"]}], "steps[0].columns", "twice"),
        ([{"kind": "fill", "columns": ["a\x00"]}], "steps[0].columns", "control"),
        ([{"kind": "fill", "columns": ["a"], "stratgy": "x"}], "steps[0].stratgy", "mean strategy"),
        ([{"kind": "fill", "columns": ["a"], "strategy": "x"}], "steps[0].strategy", "one of"),
        ([{"kind": "clip", "columns": ["a"], "lower": math.inf}], "steps[0].lower", "finite"),
        ([{"kind": "clip", "columns": ["a"], "lower": 10**400}], "steps[0].lower", "large"),
        ([{"kind": "clip", "columns": ["a"], "upper_quantile": 2}], "steps[0].upper_quantile", "most"),
        ([{"kind": "one_hot", "columns": ["a"], "max_categories": 2.5}], "steps[0].max_categories", "whole"),
        ([{"kind": "date_parts", "columns": ["t"], "parts": ["era"]}], "steps[0].parts", "one of"),
        (
            [{"kind": "date_parts", "columns": ["t"], "parts": ["year"], "time_zone": "../etc"}],
            "steps[0].time_zone",
            "IANA",
        ),
        ([{"kind": "expression", "name": "x", "formula": "1 +"}], "steps[0].formula", "character 4"),
        ([{"kind": "rename", "names": {"a": "x", "b": "x"}}], "steps[0].names", "same name"),
    ],
)  # fmt: skip
def test_what_is_written_wrongly_is_refused_with_its_place(
    steps: Any, field: str, said: str
) -> None:
    with pytest.raises(RecipeRefused) as refused:
        checked_steps(steps)
    assert refused.value.errors[0].field == field
    assert said in refused.value.errors[0].message


@pytest.mark.parametrize(
    ("step", "field", "said"),
    [
        ({"kind": "select", "columns": ["agee"]}, "columns", "did you mean 'age'"),
        (
            {"kind": "drop", "columns": [n for n in mixed()[0] if n != "code"]},
            "columns",
            "no column at all",
        ),
        ({"kind": "rename", "names": {"age": "wage"}}, "names", "already"),
        ({"kind": "fill", "columns": ["city"], "strategy": "mean"}, "columns", "number is needed"),
        ({"kind": "fill", "columns": ["age"], "strategy": "constant"}, "value", "name the value"),
        ({"kind": "fill", "columns": ["age"], "value": 3}, "value", "only the strategy"),
        (
            {"kind": "fill", "columns": ["age"], "strategy": "constant", "value": "x"},
            "value",
            "is number",
        ),
        ({"kind": "clip", "columns": ["age"]}, "lower", "a bound"),
        ({"kind": "clip", "columns": ["age"], "lower": 2, "upper": 1}, "upper", "below"),
        ({"kind": "clip", "columns": ["age"], "lower": 2, "lower_quantile": 0}, "lower", "both"),
        ({"kind": "scale", "columns": ["at"]}, "columns", "moment"),
        ({"kind": "text_hash", "columns": ["age"]}, "columns", "text is needed"),
        ({"kind": "date_parts", "columns": ["age"], "parts": ["year"]}, "columns", "is number"),
        ({"kind": "expression", "name": "x", "formula": "age + city"}, "formula", "needs a number"),
        ({"kind": "expression", "name": "x", "formula": "at > 1"}, "formula", "date_parts"),
    ],
)
def test_a_step_that_does_not_fit_its_columns_is_refused(
    step: dict[str, Any], field: str, said: str
) -> None:
    frame, target = mixed()
    with pytest.raises(RecipeRefused) as refused:
        recipe_of({"kind": "drop", "columns": ["code"]}, step).fit(frame.assign(), target)
    assert refused.value.errors[0].field == f"steps[1].{field}"
    assert said in refused.value.errors[0].message


HOSTILE = [
    {},
    {"content": 7},
    {"content": "{"},
    {"content": "[]"},
    {"content": '{"steps": [{"kind": "os.system"}], "moments": []}'},
    {"content": '{"steps": [{"kind": "scale", "columns": ["a"]}], "moments": [], "learnt": [{}]}'},
    {
        "content": '{"steps": [{"kind": "scale", "columns": ["a"]}], "moments": [], "kinds_in": '
        '{"a": "number"}, "names_out": ["a"], "learnt": [{"centre": {"a": NaN}, "spread": {"a": 1}}]}'
    },
    {"content": "[" * 100_000},
    {"content": '{"steps": [], "moments": []}', "fitted_": "x"},
]


@pytest.mark.parametrize("state", HOSTILE)
def test_a_stored_recipe_is_data_that_is_looked_at(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        RecipeTransformer.__new__(RecipeTransformer).__setstate__(state)
