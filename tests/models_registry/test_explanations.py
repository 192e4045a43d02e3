"""Contributions add up, and are the Shapley values that the definition gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline

from models_registry.explanations import CannotExplain, Explainer, explain_rows
from models_registry.explanations.base import as_scores, largest_gap
from models_registry.explanations.choice import REFERENCE_ROWS, choose_explainer, reference_sample
from models_registry.explanations.linear import LinearExplainer
from models_registry.explanations.permutation import PermutationExplainer
from models_registry.explanations.trees import TreeExplainer
from models_registry.runtimes import CannotRun, Runtime
from models_registry.runtimes.linear import AffineMap, LinearRuntime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.recipes import Parts
from models_registry.runtimes.trees import TreeRuntime
from models_registry.signatures import Columns, columns_from_frame, infer_signature
from tests.datasets.test_recipe_steps import MOMENTS
from tests.models_registry.fitting import Fitted, Kind, fit, frame_of
from tests.models_registry.test_recipe_runtimes import pipeline_of, rows
from training.estimators import estimator_named, validated_params
from training.pipeline import fit_pipeline

FloatArray = npt.NDArray[np.float64]
FAMILIES: list[tuple[str, Kind, str, str]] = [
    ("logistic", "binary", "linear", "margin"),
    ("logistic", "multiclass", "linear", "margin"),
    ("ridge", "regression", "linear", "value"),
    ("random_forest", "binary", "trees", "probability"),
    ("random_forest", "multiclass", "trees", "probability"),
    ("random_forest", "regression", "trees", "value"),
    ("hist_gradient_boosting", "binary", "trees", "margin"),
    ("hist_gradient_boosting", "multiclass", "trees", "margin"),
    ("hist_gradient_boosting", "regression", "trees", "value"),
]


def reference_of(one: Fitted, count: int = 7) -> Columns:
    """Return a few rows, with holes among them."""
    return one.held_out.take(slice(0, count))


def mixtures(columns: Columns, row: int, reference: Columns, own: list[bool]) -> Columns:
    """Return the reference rows with some of the inputs replaced by those of a row."""
    numeric, text = reference.numeric.copy(), [one.copy() for one in reference.text]
    number, word = itertools.count(), itertools.count()
    for field, is_own in zip(columns.signature.inputs, own, strict=True):
        at = next(number if field.is_numeric else word)
        if is_own and field.is_numeric:
            numeric[:, at] = columns.numeric[row, at]
        elif is_own:
            text[at][:] = columns.text[at][row]
    return Columns(columns.signature, numeric, tuple(text), reference.row_count)


def by_definition(f: Any, columns: Columns, row: int, reference: Columns) -> FloatArray:
    """Return the Shapley values of a row, from the answers for all sets of inputs: shape (inputs, outputs)."""
    width = len(columns.signature.inputs)
    sets = list(itertools.product([False, True], repeat=width))
    mixed = [mixtures(columns, row, reference, list(own)) for own in sets]
    everything = Columns(
        columns.signature,
        np.concatenate([one.numeric for one in mixed]),
        tuple(np.concatenate(words) for words in zip(*(one.text for one in mixed), strict=True)),
        len(sets) * reference.row_count,
    )
    means = f(everything).reshape(len(sets), reference.row_count, -1).mean(axis=1)
    worth = dict(zip(sets, means, strict=True))
    found = []
    for player in range(width):
        total = np.zeros(means.shape[1])
        for own in sets:
            if own[player]:
                continue
            size = sum(own)
            share = factorial(size) * factorial(width - size - 1) / factorial(width)
            joined = (*own[:player], True, *own[player + 1 :])
            total += share * (worth[joined] - worth[own])
        found.append(total)
    return np.array(found)


def quantity_of(model: Pipeline, quantity: str) -> Any:
    """Return the function of rows whose values are divided, from scikit-learn itself."""

    def f(columns: Columns) -> FloatArray:
        frame = columns.to_frame()
        if quantity == "value":
            return np.asarray(model.predict(frame), dtype=float).reshape(-1, 1)
        if quantity == "probability":
            return np.asarray(model.predict_proba(frame))
        return np.asarray(model.decision_function(frame)).reshape(len(frame), -1)

    return f


@pytest.mark.parametrize(("estimator", "kind", "method", "quantity"), FAMILIES)
def test_exact_contributions_are_the_shapley_values_of_the_definition(
    estimator: str, kind: Kind, method: str, quantity: str
) -> None:
    one = fit(estimator, kind)
    reference, asked = reference_of(one), one.held_out.take(slice(20, 22))
    choice = choose_explainer(one.pipeline, one.signature, runtime_of(one), reference)
    explainer = choice.explainer
    assert (explainer.method, explainer.quantity, explainer.is_exact) == (method, quantity, True)
    f = quantity_of(one.pipeline, quantity)
    assert explainer.baseline == pytest.approx(f(reference).mean(axis=0), rel=1e-6, abs=1e-6)
    found = explainer.contributions(asked)
    for row in range(asked.row_count):
        expected = by_definition(f, asked, row, reference)
        assert found[row] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def runtime_of(one: Fitted) -> Runtime:
    """Return the runtime of a model, or scikit-learn itself for boosted trees."""
    builds: list[Callable[[], Runtime]] = [
        lambda: LinearRuntime(AffineMap.of(one.pipeline, one.signature), one.signature),
        lambda: TreeRuntime(one.pipeline, one.signature),
    ]
    for build in builds:
        try:
            return build()
        except CannotRun:
            continue
    return NativeRuntime(one.pipeline, one.signature)


@cache
def explainers(estimator: str, kind: Kind) -> tuple[Explainer, Explainer]:
    """Return the exact way to explain, and permutations."""
    one = fit(estimator, kind)
    reference = reference_of(one, 9)
    runtime = runtime_of(one)
    exact = choose_explainer(one.pipeline, one.signature, runtime, reference).explainer
    return exact, PermutationExplainer(runtime, one.signature, reference)


numbers = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)


@pytest.mark.parametrize(("estimator", "kind", "method", "quantity"), FAMILIES)
@settings(max_examples=8, deadline=None)
@given(
    size=st.just(np.nan) | numbers,
    weight=st.just(np.nan) | numbers,
    age=st.integers(-200, 200),
    region=st.sampled_from(["north", "nowhere", ""]),
)
def test_contributions_add_up_to_the_answer_less_the_baseline(
    estimator: str,
    kind: Kind,
    method: str,
    quantity: str,
    size: float,
    weight: float,
    age: int,
    region: str,
) -> None:
    one = fit(estimator, kind)
    frame = frame_of(1, seed=5).assign(size=size, weight=weight, age=age, region=region)
    asked = columns_from_frame(one.signature, frame)
    scores = runtime_of(one).predict(asked)
    for explainer in explainers(estimator, kind):
        assert largest_gap(explainer, asked, scores) <= 1e-5


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [(one, kind) for one, kind, _, quantity in FAMILIES if quantity != "margin"],
)
def test_permutations_come_close_to_the_exact_contributions(estimator: str, kind: Kind) -> None:
    one = fit(estimator, kind)
    asked = one.held_out.take(slice(30, 33))
    exactly, by_permutations = explainers(estimator, kind)
    exact = exactly.contributions(asked)
    estimated = by_permutations.contributions(asked)
    assert np.abs(exact - estimated).max() <= 0.25 * np.abs(exact).max()
    alone = by_permutations.contributions(asked.take(slice(1, 2)))
    assert alone[0] == pytest.approx(estimated[1], rel=1e-12), "a row has one explanation"


def test_an_input_that_does_not_matter_or_does_not_differ_contributes_nothing() -> None:
    one = fit("random_forest", "regression")
    reference = reference_of(one)
    same = one.held_out.take(slice(0, 1))
    alone = TreeExplainer(one.pipeline, one.signature, same)
    assert np.abs(alone.contributions(same)).max() == 0.0
    explained = explain_rows(
        TreeExplainer(one.pipeline, one.signature, reference), one.signature, same, [0.0]
    )
    assert set(explained[0].contributions) == set(one.signature.names)


def test_of_two_classes_the_second_is_explained_and_of_more_the_predicted_one() -> None:
    for estimator in ("logistic", "random_forest"):
        one = fit(estimator, "binary")
        runtime = runtime_of(one)
        asked = one.held_out.take(slice(0, 5))
        scores = runtime.predict(asked)
        choice = choose_explainer(one.pipeline, one.signature, runtime, reference_of(one))
        explained = explain_rows(choice.explainer, one.signature, asked, scores.labels)
        assert {one.label for one in explained} == {"yes"}
        outputs = np.array([[one.output] for one in explained])
        assert scores.probabilities is not None
        shown = as_scores(choice.explainer.quantity, outputs)[:, -1]
        assert shown == pytest.approx(scores.probabilities[:, 1], abs=1e-6)
    one = fit("hist_gradient_boosting", "multiclass")
    runtime = runtime_of(one)
    labels = runtime.predict(one.held_out).labels
    choice = choose_explainer(one.pipeline, one.signature, runtime, reference_of(one))
    explained = explain_rows(choice.explainer, one.signature, one.held_out, labels)
    assert [row.label for row in explained] == labels
    assert len(set(labels)) > 1


PER_INPUT: list[dict[str, Any]] = [
    {"kind": "date_parts", "columns": ["at"], "parts": ["hour", "weekday"]},
    {"kind": "one_hot", "columns": ["city"]},
    {"kind": "text_hash", "columns": ["note"], "buckets": 4},
    {"kind": "expression", "name": "log_wage", "formula": "log1p(abs(wage))"},
    {"kind": "expression", "name": "one", "formula": "1"},
    {"kind": "drop", "columns": ["code", "wage"]},
]


@pytest.mark.parametrize("estimator", ["logistic", "random_forest"])
def test_columns_that_a_recipe_makes_are_added_to_the_input_they_are_made_of(
    estimator: str,
) -> None:
    signature, columns, target = rows()
    entry = estimator_named(estimator, "classification")
    pipeline = fit_pipeline(
        entry,
        columns.to_frame(),
        target,
        task="classification",
        params=validated_params(entry, {"n_estimators": 4} if estimator != "logistic" else {}),
        seed=1,
        signature=signature,
        steps=PER_INPUT,
        moments=MOMENTS,
    )
    runtime = NativeRuntime(pipeline, signature)
    reference, asked = columns.take(slice(0, 5)), columns.take(slice(40, 41))
    choice = choose_explainer(pipeline, signature, runtime, reference)
    assert choice.report["exact"], choice.report
    names = list(signature.names)
    found = choice.explainer.contributions(asked)[0]
    assert found[names.index("code")] == pytest.approx(0.0)
    assert np.abs(found[names.index("wage")]).max() > 0
    f = quantity_of(pipeline, choice.report["quantity"])
    assert found == pytest.approx(by_definition(f, asked, 0, reference), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("estimator", ["logistic", "hist_gradient_boosting"])
def test_a_column_that_is_made_of_two_inputs_is_explained_by_permutations(estimator: str) -> None:
    signature, columns, _ = rows()
    pipeline = pipeline_of(estimator)
    runtime = NativeRuntime(pipeline, signature)
    reference = columns.take(slice(0, 4))
    choice = choose_explainer(pipeline, signature, runtime, reference)
    assert choice.report["method"] == "permutation"
    assert any("is made of age, wage" in reason for reason in choice.report["not_taken"].values())
    assert choice.report["evaluations_per_row"] == 2 * 4 * 6 + 1
    assert not choice.report["exact"]
    assert choice.report["largest_gap"] <= 1e-9


def test_the_report_says_what_was_chosen_and_why() -> None:
    one = fit("random_forest", "binary")
    runtime = runtime_of(one)
    choice = choose_explainer(one.pipeline, one.signature, runtime, reference_of(one))
    report = choice.report
    assert report["not_taken"] == {"linear": "a RandomForestClassifier is not linear"}
    assert report["microseconds_per_row"] > 0
    assert report["largest_gap"] <= 1e-9
    assert (report["evaluations_per_row"], report["reference_rows"]) == (0, 7)
    unknown = choose_explainer(None, one.signature, runtime, reference_of(one))
    assert (unknown.report["method"], unknown.report["not_taken"]) == ("permutation", {})
    with pytest.raises(CannotExplain, match="no reference row"):
        choose_explainer(None, one.signature, runtime, one.held_out.take(slice(0, 0)))


def test_trees_that_are_too_large_or_that_disagree_are_explained_by_permutations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = fit("random_forest", "binary")
    other = fit("logistic", "binary")
    wrong = runtime_of(other)
    choice = choose_explainer(one.pipeline, one.signature, wrong, reference_of(one))
    assert choice.report["method"] == "permutation"
    assert "miss the answers by" in choice.report["not_taken"]["trees"]
    monkeypatch.setattr("models_registry.explanations.choice.MOST_STEPS", 10)
    runtime = runtime_of(one)
    choice = choose_explainer(one.pipeline, one.signature, runtime, reference_of(one))
    assert "too large" in choice.report["not_taken"]["trees"]


def test_more_inputs_than_a_word_has_bits_are_told_apart() -> None:
    """The 70th of 70 inputs decides alone."""
    rng = np.random.default_rng(2)
    names = [f"x{place}" for place in range(70)]
    frame = pd.DataFrame(rng.normal(size=(80, 70)).astype(np.float32), columns=names)
    truth = np.where(frame["x69"] > 0, 10.0, -10.0)
    columns = ColumnTransformer([("numeric", "passthrough", names)])
    prepared = columns.fit_transform(frame)
    model = RandomForestRegressor(3, max_features=None, random_state=0).fit(prepared, truth)
    signature = infer_signature(frame, task="regression")
    pipeline = Pipeline([("columns", columns), ("model", model)])
    rows_ = columns_from_frame(signature, frame)
    explainer = TreeExplainer(pipeline, signature, rows_.take(slice(0, 20)))
    found = explainer.contributions(rows_.take(slice(50, 54)))[:, :, 0]
    answers = np.asarray(model.predict(prepared[50:54]))
    assert found[:, 69] == pytest.approx(answers - explainer.baseline[0], abs=1e-9)
    assert np.abs(found[:, :69]).max() < 1e-9


def test_models_that_are_not_known_are_left_to_permutations() -> None:
    one = fit("hist_gradient_boosting", "regression")
    poisson = HistGradientBoostingRegressor(loss="poisson", max_iter=3)
    prepared = one.pipeline[0].transform(one.held_out.to_frame())
    truth = np.abs(one.truth.astype(float))
    pipeline = Pipeline([("columns", one.pipeline[0]), ("model", poisson.fit(prepared, truth))])
    explainer = TreeExplainer(pipeline, one.signature, reference_of(one))
    assert explainer.quantity == "margin", "the logarithm of the value"
    runtime = NativeRuntime(pipeline, one.signature)
    choice = choose_explainer(pipeline, one.signature, runtime, reference_of(one))
    assert choice.report["method"] == "permutation", "a number has no margin that can be checked"
    with pytest.raises(CannotExplain, match="not linear"):
        LinearExplainer(pipeline, one.signature, reference_of(one))
    strange = Pipeline([("columns", "passthrough"), ("model", ExtraTreesClassifier(2))])
    strange[-1].fit(prepared[:, :2], truth > truth.mean())
    with pytest.raises(CannotExplain, match="is not known"):
        TreeExplainer(strange, one.signature, reference_of(one))


def test_the_reference_sample_is_small_and_always_the_same() -> None:
    one = fit("ridge", "regression")
    first, again = reference_sample(one.held_out), reference_sample(one.held_out)
    assert first.row_count == REFERENCE_ROWS < one.held_out.row_count
    assert np.array_equal(first.numeric, again.numeric, equal_nan=True)
    few = one.held_out.take(slice(0, 3))
    assert reference_sample(few) is few


def test_the_terms_of_a_linear_model_add_up_to_its_decision() -> None:
    one = fit("ridge", "regression")
    parts = Parts.of(one.pipeline, one.signature)
    model = LinearRuntime(AffineMap.of(parts.pipeline, parts.signature), parts.signature)
    added = model.bias + model.terms(one.held_out).sum(axis=1)
    assert added[:, 0] == pytest.approx(np.array(model.predict(one.held_out).labels))


def test_the_score_of_an_anomaly_is_explained_like_a_value() -> None:
    one = fit("ridge", "regression")
    prepared = one.pipeline[0].transform(one.held_out.to_frame())
    forest = IsolationForest(n_estimators=5, random_state=0).fit(prepared)
    pipeline = Pipeline([("columns", one.pipeline[0]), ("model", forest)])
    signature = replace(one.signature, task="anomaly")
    runtime = NativeRuntime(pipeline, signature)
    rows_ = one.held_out.take(slice(0, 5))
    choice = choose_explainer(pipeline, signature, runtime, rows_)
    assert (choice.report["method"], choice.report["quantity"]) == ("permutation", "value")
    explained = explain_rows(choice.explainer, signature, rows_, runtime.predict(rows_).labels)
    outputs = [row.output for row in explained]
    assert outputs == pytest.approx(runtime.predict(rows_).labels)
