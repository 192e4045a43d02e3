"""Models behind a recipe are answered without pandas, and as scikit-learn answers."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from datasets.recipes import STEP_KINDS, RecipeTransformer
from datasets.recipes.steps.dates import PARTS, _of_few, _of_many
from models_registry.runtimes.choice import choose_runtime, load_runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import compare, proof_rows, through_the_wire
from models_registry.runtimes.recipes import FittedRecipe, Parts
from models_registry.signatures import (
    Columns,
    Signature,
    columns_from_frame,
    columns_from_records,
    infer_signature,
)
from models_registry.signatures.moments import is_moment
from tests.datasets.test_recipe_steps import MOMENTS, STEPS, mixed
from training.estimators import estimator_named, validated_params
from training.pipeline import fit_pipeline

ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe"]
TOGETHER: list[dict[str, Any]] = [
    {"kind": "cast", "columns": ["code"], "to": "number"},
    {"kind": "fill", "columns": ["age"], "strategy": "mean"},
    {"kind": "clip", "columns": ["wage"], "upper_quantile": 0.9},
    {"kind": "expression", "name": "ratio", "formula": "log(wage - 2500) / age"},
    {"kind": "date_parts", "columns": ["at"], "parts": list(PARTS), "time_zone": "Asia/Kolkata"},
    {"kind": "text_hash", "columns": ["note"], "buckets": 8},
    {"kind": "target_encoding", "columns": ["city"]},
    {"kind": "scale", "columns": ["wage"]},
    {"kind": "rename", "names": {"is_new": "new"}},
]


@cache
def rows() -> tuple[Signature, Columns, Any]:
    """Return mixed rows with their signature and target; every column may be missing."""
    frame, target = mixed(120)
    text = frame["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    frame["at"] = text.where(frame["at"].notna(), None)
    signature = infer_signature(
        frame, task="classification", classes=["no", "yes"], moments=MOMENTS
    )
    return signature, columns_from_frame(signature, frame), target


@cache
def fitted(*kinds: str) -> tuple[RecipeTransformer, FittedRecipe]:
    signature, columns, target = rows()
    steps = [{"kind": kind, **STEPS[kind]} for kind in kinds] or TOGETHER
    recipe = RecipeTransformer(steps, MOMENTS).fit(columns.to_frame(), target)
    return recipe, FittedRecipe(recipe, signature)


@st.composite
def moments(draw: st.DrawFn) -> str:
    """Draw a text that the wire lets through as a moment."""
    at = draw(st.datetimes())
    day = at.date().isoformat()
    clock = draw(st.sampled_from(["", "minutes", "seconds", "fraction"]))
    if not clock:
        return day
    spec = {"minutes": "minutes", "seconds": "seconds", "fraction": "microseconds"}[clock]
    time = at.time().isoformat(timespec=spec)
    if clock == "fraction":
        time = time[: draw(st.integers(10, 15))]
    offset = draw(st.sampled_from(["", "Z", "+00:00", "-03:30", "+0545", "+14:00", "-12:00"]))
    return f"{day}{draw(st.sampled_from('T '))}{time}{offset}"


numbers = (
    st.none()
    | st.floats(-(2.0**127), 2.0**127, width=32, allow_subnormal=False)
    | st.integers(-(2**24), 2**24).map(float)
)
words = st.none() | st.sampled_from(["Bonn", "Ulm", "Good", "late again", "7", "1e3"])
words = words | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
record = st.fixed_dictionaries(
    {
        "age": numbers,
        "wage": numbers,
        "is_new": st.booleans(),
        "city": words,
        "code": words,
        "note": words,
        "at": st.none() | moments(),
    }
)


@pytest.mark.parametrize("kind", [*STEP_KINDS, "together"])
@settings(max_examples=12, deadline=None)
@given(records=st.lists(record, min_size=1, max_size=6))
def test_a_step_on_a_request_gives_what_it_gives_in_the_pipeline(
    kind: str, records: list[dict[str, Any]]
) -> None:
    recipe, front = fitted(*([] if kind == "together" else [kind]))
    columns = columns_from_records(rows()[0], records)
    found = front.apply(columns)
    expected = recipe.transform(columns.to_frame())
    assert list(found.signature.names) == list(expected.columns)
    pd.testing.assert_frame_equal(found.to_frame(), expected)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.just("") | moments(), max_size=5), zone=st.sampled_from(ZONES))
@example(texts=["2024-03-31T01:00:00Z", "2024-10-27T00:30:00Z", "1850-01-01"], zone="Europe/Berlin")
@example(texts=["2024-02-29T23:59:59.999999-12:00", "2000-12-31"], zone="Asia/Kolkata")
def test_a_few_moments_are_read_like_many(texts: list[str], zone: str) -> None:
    assert all(is_moment(text) for text in texts if text)
    column = np.array(texts, dtype=object)
    few = _of_few(column, list(PARTS), ZoneInfo(zone))
    if few is None:
        return  # at the ends of the calendar; pandas is asked
    many = _of_many(column, list(PARTS), ZoneInfo(zone))
    for part in PARTS:
        assert np.array_equal(few[part], many[part], equal_nan=True), part


@pytest.mark.parametrize(
    "text", ["no moment", "2024-W07", "20240101", "2024-01-01T00:00:00.1234567"]
)
def test_moments_that_are_written_in_another_way_are_left_to_pandas(text: str) -> None:
    assert _of_few(np.array([text], dtype=object), ["hour"], ZoneInfo("UTC")) is None


def test_usual_moments_are_not_left_to_pandas() -> None:
    now = datetime.now(UTC).isoformat()
    texts = np.array([now, "2026-01-31", "2026-01-31T08:30:00Z", ""], dtype=object)
    found = _of_few(texts, ["day"], ZoneInfo("Europe/Berlin"))
    assert found is not None
    assert np.isnan(found["day"][-1])


@cache
def pipeline_of(estimator: str) -> Pipeline:
    """Fit an estimator behind all steps together."""
    signature, columns, target = rows()
    entry = estimator_named(estimator, "classification")
    params = {"random_forest": {"n_estimators": 5}, "hist_gradient_boosting": {"max_iter": 5}}
    return fit_pipeline(
        entry,
        columns.to_frame(),
        target,
        task="classification",
        params=validated_params(entry, params.get(estimator, {})),
        seed=1,
        signature=signature,
        steps=TOGETHER,
        moments=MOMENTS,
    )


@pytest.mark.parametrize(
    ("estimator", "runtime"),
    [("logistic", "linear"), ("random_forest", "onnx"), ("hist_gradient_boosting", "onnx")],
)
def test_a_model_behind_a_recipe_gets_a_proved_runtime(estimator: str, runtime: str) -> None:
    signature, columns, _ = rows()
    pipeline = pipeline_of(estimator)
    choice = choose_runtime(pipeline, signature, columns, np.random.default_rng(3))
    assert choice.name.partition("+")[0] == runtime, choice.report
    agreement = choice.report[runtime]["agreement"]
    assert set(agreement) == {"real", "random", "edge", "missing"}
    native = NativeRuntime(pipeline, signature)
    again = load_runtime(name=choice.name, pipeline=pipeline, onnx=choice.onnx, signature=signature)
    fresh = proof_rows(signature, columns, np.random.default_rng(99), count=60)
    for kind, asked in fresh.items():
        found = compare(native.predict(asked), again.predict(through_the_wire(asked)))
        assert found.is_equal, (kind, found)
    assert again.predict(columns.take(slice(0, 0))).labels == []


def test_rows_in_which_a_step_leaves_a_hole_go_to_who_knows_holes() -> None:
    """The formula's logarithm is missing where nothing was missing in the row itself."""
    signature, columns, _ = rows()
    pipeline = pipeline_of("random_forest")
    runtime = load_runtime(name="trees+native", pipeline=pipeline, onnx=None, signature=signature)
    native = NativeRuntime(pipeline, signature)
    assert compare(native.predict(columns), runtime.predict(columns)).is_equal


def test_without_a_recipe_a_pipeline_is_its_own_part() -> None:
    signature, _, _ = rows()
    plain = Pipeline([("same", FunctionTransformer()), ("model", FunctionTransformer())])
    parts = Parts.of(plain, signature)
    assert (parts.recipe, parts.pipeline, parts.signature) == (None, plain, signature)
    behind = Parts.of(pipeline_of("logistic"), signature)
    assert behind.recipe is not None
    assert "ratio" in behind.signature.names
    assert behind.signature.classes == signature.classes
