"""Runtimes: whichever is chosen answers like scikit-learn, on every kind of row."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from models_registry.runtimes import CannotRun, Scores
from models_registry.runtimes.choice import (
    ExceptMissing,
    RuntimeChoice,
    choose_runtime,
    load_runtime,
)
from models_registry.runtimes.linear import AffineMap, LinearRuntime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.onnx import convert
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.proof import compare, differing_rows, proof_rows, through_the_wire
from models_registry.runtimes.trees import TreeRuntime
from models_registry.signatures import Columns, columns_from_frame
from tests.models_registry.fitting import Fitted, Kind, fit, frame_of, validated

TOLERANCE = 1e-5
FAMILIES: list[tuple[str, Kind]] = [
    ("logistic", "binary"),
    ("logistic", "multiclass"),
    ("ridge", "regression"),
    ("random_forest", "binary"),
    ("random_forest", "multiclass"),
    ("random_forest", "regression"),
    ("hist_gradient_boosting", "binary"),
    ("hist_gradient_boosting", "multiclass"),
    ("hist_gradient_boosting", "regression"),
]


def hard_rows(one: Fitted) -> dict[str, Columns]:
    """Rows that the proof did not see: another seed, far-away numbers, only holes, unseen words."""
    frame = frame_of(150, seed=99)
    far = frame.copy()
    far["size"] = np.linspace(-1e6, 1e6, len(far))
    far["weight"] = np.where(np.arange(len(far)) % 2, 1e-30, 1e30)
    far["age"] = np.arange(len(far)) * 1_000_003
    holes = frame.copy()
    holes["size"] = holes["weight"] = np.nan
    holes["colour"] = None
    strange = frame.copy()
    strange["region"] = "nowhere"
    strange["colour"] = "ultra\u202eviolet"
    frames = {"fresh": frame, "far": far, "holes": holes, "strange": strange}
    rows = {name: columns_from_frame(one.signature, value) for name, value in frames.items()}
    proof = proof_rows(one.signature, one.held_out, np.random.default_rng(4711))
    return {**rows, **proof}


@pytest.mark.parametrize(("estimator", "kind"), FAMILIES)
def test_the_chosen_runtime_answers_like_scikit_learn(estimator: str, kind: Kind) -> None:
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    assert outcome.runtime != "native", outcome.runtime_report
    runtime = load_runtime(
        name=outcome.runtime, pipeline=one.pipeline, onnx=outcome.onnx, signature=one.signature
    )
    for name, rows in hard_rows(one).items():
        frame = rows.to_frame()
        found = runtime.predict(through_the_wire(rows))
        if kind == "regression":
            expected = np.asarray(one.pipeline.predict(frame), dtype=float)
            gap = np.abs(expected - np.asarray(found.labels)) / np.maximum(1.0, np.abs(expected))
            assert gap.max() <= TOLERANCE, name
            assert found.probabilities is None
            continue
        assert found.probabilities is not None
        proper = np.asarray(one.pipeline.predict_proba(frame))
        assert np.abs(proper - found.probabilities).max() <= TOLERANCE, name
        labels = [one.signature.classes[index] for index in one.pipeline.predict(frame)]  # type: ignore[index]
        top = np.sort(proper, axis=1)
        is_clear = top[:, -1] - top[:, -2] > TOLERANCE
        for label, got, clear in zip(labels, found.labels, is_clear, strict=True):
            assert got == label or not clear, name


@pytest.mark.parametrize(("estimator", "kind"), FAMILIES)
def test_every_runtime_that_can_be_built_is_proved_or_not_used(estimator: str, kind: Kind) -> None:
    report = validated(estimator, kind).runtime_report
    assert report["chosen"] == validated(estimator, kind).runtime
    base = report["chosen"].partition("+")[0]
    agreement = report[base]["agreement"]
    assert set(agreement) == {"real", "random", "edge", "missing"}
    assert all(item["rows"] > 0 for item in agreement.values())
    assert all(item["equal"] for kind_, item in agreement.items() if kind_ != "missing")
    assert report["native"]["microseconds_per_row"] > report[base]["microseconds_per_row"]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier, ExtraTreesClassifier, DecisionTreeClassifier],
    ids=["forest", "extra", "single"],
)
@pytest.mark.parametrize("fills", [True, False], ids=["filled", "with holes"])
def test_the_loop_over_trees_gives_the_same_bits(kind: Kind, model: type, fills: bool) -> None:
    one = fit("random_forest", kind)
    columns = clone(one.pipeline[0])  # it is fitted below, and the pipeline belongs to all tests
    if not fills:
        columns.set_params(numeric="passthrough")
    options = {} if model is DecisionTreeClassifier else {"n_estimators": 6}
    if kind == "regression":
        model = REGRESSORS[model]
    frame, truth = one.held_out.to_frame(), one.truth
    if kind == "binary":
        truth = (truth == "yes").astype(int)
    prepared = columns.fit_transform(frame)
    fitted = model(random_state=3, **options).fit(prepared, truth.astype(float))
    pipeline = Pipeline([("columns", columns), ("model", fitted)])
    trees = TreeRuntime(pipeline, one.signature)
    native = NativeRuntime(pipeline, one.signature)
    for rows in hard_rows(one).values():
        expected, found = native.predict(rows), trees.predict(rows)
        assert np.array_equal(expected.scores, found.scores)
        assert expected.labels == found.labels
    assert trees.predict(one.held_out.take(slice(0, 0))).labels == []


REGRESSORS = {
    RandomForestClassifier: RandomForestRegressor,
    ExtraTreesClassifier: ExtraTreesRegressor,
    DecisionTreeClassifier: DecisionTreeRegressor,
}


def test_rows_that_onnx_gets_wrong_go_to_the_loop_over_trees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = fit("random_forest", "multiclass")
    native = NativeRuntime(one.pipeline, one.signature)
    wrong = Shifted(native, only_missing=True)
    found = chosen_when_offered(wrong, one, monkeypatch)
    assert found.name == "shifted+trees"
    assert found.report["reason"].endswith("rows with missing numbers go to the loop over trees")
    for rows in hard_rows(one).values():
        assert compare(native.predict(rows), found.runtime.predict(rows)).is_equal
    model = validated("random_forest", "multiclass").onnx
    again = load_runtime(
        name="onnx+trees", pipeline=one.pipeline, onnx=model, signature=one.signature
    )
    assert again.name == "onnx+trees"
    assert compare(native.predict(one.held_out), again.predict(one.held_out)).is_equal
    for name in ("onnx+", "onnx+quantum", "onnx+native+native", "+native"):
        with pytest.raises(CannotRun):
            load_runtime(name=name, pipeline=one.pipeline, onnx=model, signature=one.signature)


class Shifted:
    """A runtime that is wrong where a number is missing, or everywhere."""

    name = "shifted"

    def __init__(self, native: NativeRuntime, *, only_missing: bool) -> None:
        self._native = native
        self._only_missing = only_missing

    def predict(self, columns: Columns) -> Scores:
        scores = self._native.predict(columns)
        assert scores.probabilities is not None
        wrong = columns.has_missing() if self._only_missing else np.ones(columns.row_count, bool)
        probabilities = np.where(wrong[:, None], 0.5, scores.probabilities)
        return Scores(scores.labels, probabilities)


def chosen_when_offered(
    runtime: Shifted, one: Fitted, monkeypatch: pytest.MonkeyPatch
) -> RuntimeChoice:
    """Return what is chosen if this runtime is the only candidate.

    The other candidates are back on return: what `validated` keeps for all tests must know them.
    """
    with monkeypatch.context() as patched:
        patched.setattr(
            "models_registry.runtimes.choice._candidates",
            lambda *_: iter([(runtime.name, lambda: (runtime, None))]),
        )
        return choose_runtime(one.pipeline, one.signature, one.held_out, np.random.default_rng(0))


@pytest.mark.parametrize(("only_missing", "chosen"), [(True, "shifted+native"), (False, "native")])
def test_a_runtime_that_disagrees_is_used_where_it_agrees_or_not_at_all(
    only_missing: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fit("logistic", "binary")
    native = NativeRuntime(one.pipeline, one.signature)
    wrong = Shifted(native, only_missing=only_missing)
    found = chosen_when_offered(wrong, one, monkeypatch)
    assert found.name == chosen
    assert "disagrees on" in found.report["reason"] or "missing" in found.report["reason"]
    agreement = compare(native.predict(one.held_out), found.runtime.predict(one.held_out))
    assert agreement.is_equal


def test_rows_with_holes_go_to_scikit_learn_and_come_back_in_order() -> None:
    one = fit("ridge", "regression")
    native = NativeRuntime(one.pipeline, one.signature)
    mixed = ExceptMissing(
        LinearRuntime(AffineMap.of(one.pipeline, one.signature), one.signature), native
    )
    missing = one.held_out.has_missing()
    assert missing.any()
    assert not missing.all()
    for rows in (
        one.held_out,
        one.held_out.take(np.flatnonzero(missing)),
        one.held_out.take(np.flatnonzero(~missing)),
        one.held_out.take(slice(0, 0)),
    ):
        assert compare(native.predict(rows), mixed.predict(rows)).is_equal


def test_a_pipeline_of_unknown_make_stays_with_scikit_learn() -> None:
    one = fit("logistic", "binary")
    frame = one.held_out.to_frame()[["age"]].astype(np.float32)
    signature = type(one.signature)(
        inputs=tuple(field for field in one.signature.inputs if field.name == "age"),
        task="classification",
        classes=("no", "yes"),
    )
    pipeline = Pipeline([("same", FunctionTransformer()), ("model", GaussianNB())])
    pipeline.fit(frame, (frame["age"] > 50).astype(int))
    rows = columns_from_frame(signature, frame)
    choice = choose_runtime(pipeline, signature, rows, np.random.default_rng(0))
    assert (choice.name, choice.onnx) == ("native", None)
    assert all(not choice.report[name]["built"] for name in ("linear", "onnx", "trees"))


def test_runtimes_refuse_what_they_do_not_know() -> None:
    forest, linear = fit("random_forest", "binary"), fit("logistic", "binary")
    with pytest.raises(CannotRun, match="not linear"):
        AffineMap.of(forest.pipeline, forest.signature)
    with pytest.raises(CannotRun, match="not a forest"):
        TreeRuntime(linear.pipeline, linear.signature)
    for name in ("onnx", "quantum", ""):
        with pytest.raises(CannotRun):
            load_runtime(name=name, pipeline=linear.pipeline, onnx=None, signature=linear.signature)
    with pytest.raises(CannotRun, match="cannot convert"):
        convert(Pipeline([("columns", linear.pipeline[0]), ("model", Opaque())]), 3)


class Opaque(LogisticRegression):  # type: ignore[misc]
    """An estimator that no converter knows."""


def test_the_preparation_gives_what_the_transformer_gives() -> None:
    for estimator in ("logistic", "random_forest", "hist_gradient_boosting"):
        one = fit(estimator, "binary")
        preparation = Preparation.of(one.pipeline[0], one.signature)
        for rows in (one.held_out, hard_rows(one)["strange"]):
            expected = np.asarray(one.pipeline[0].transform(rows.to_frame()), dtype=np.float32)
            found = preparation.apply(rows)
            assert found.shape == expected.shape
            assert np.allclose(found, expected, rtol=1e-6, atol=1e-6, equal_nan=True)


def test_runtimes_answer_several_threads_at_once() -> None:
    one, outcome = (
        fit("hist_gradient_boosting", "binary"),
        validated("hist_gradient_boosting", "binary"),
    )
    runtime = load_runtime(
        name=outcome.runtime, pipeline=one.pipeline, onnx=outcome.onnx, signature=one.signature
    )
    expected = NativeRuntime(one.pipeline, one.signature).predict(one.held_out)
    failures: list[Any] = []

    def ask() -> None:
        for _ in range(20):
            found = runtime.predict(one.held_out)
            if not compare(expected, found).is_equal:
                failures.append(found)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_score_that_is_no_number_never_counts_as_equal() -> None:
    fine = Scores([1.0, 2.0], None)
    assert differing_rows(fine, Scores([1.0, float("nan")], None)).tolist() == [0.0, float("inf")]
    assert not compare(fine, Scores([1.0, float("nan")], None)).is_equal
    assert compare(fine, Scores([1.0, 2.00001], None)).is_equal
    assert not compare(fine, Scores([1.0, 2.0001], None)).is_equal


def test_another_label_counts_unless_it_is_a_tie() -> None:
    clear = Scores(["a"], np.array([[0.9, 0.1]]))
    tie = Scores(["a"], np.array([[0.5, 0.5]]))
    assert compare(clear, Scores(["b"], np.array([[0.9, 0.1]]))).label_mismatches == 1
    assert compare(tie, Scores(["b"], np.array([[0.5, 0.5]]))).label_mismatches == 0


def test_proof_rows_have_all_kinds_and_fit_the_signature() -> None:
    one = fit("logistic", "binary")
    kinds = proof_rows(one.signature, one.held_out, np.random.default_rng(1), count=80)
    assert set(kinds) == {"real", "random", "edge", "missing"}
    for rows in kinds.values():
        again = through_the_wire(rows)  # raises if a value does not fit its column
        assert np.allclose(again.numeric, rows.numeric, equal_nan=True)
    assert kinds["missing"].has_missing().all()
    assert not kinds["edge"].has_missing().any()
    assert through_the_wire(kinds["edge"]).unseen
    empty = proof_rows(one.signature, one.held_out.take(slice(0, 0)), np.random.default_rng(1))
    assert empty["random"].row_count > 0


def test_a_column_that_is_a_constant_or_wholly_missing_can_be_proved() -> None:
    one = fit("logistic", "binary")
    frame = pd.DataFrame(one.held_out.to_frame())
    frame["size"] = np.nan
    frame["age"] = 40
    rows = columns_from_frame(one.signature, frame)
    choice = choose_runtime(one.pipeline, one.signature, rows, np.random.default_rng(2))
    assert choice.name == "linear"
