"""Mobile models: one float32 graph that gives scikit-learn's answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from datasets.recipes import RecipeTransformer
from models_registry.runtimes import CannotRun
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.proof import compare
from models_registry.signatures import columns_from_frame, infer_signature
from serving.exporting.mobile import MobileRuntime, OrtFailed, mobile_model, ort_format
from serving.exporting.mobile_folder import TOLERANCE
from serving.exporting.rows import kinds_of_rows
from tests.models_registry.fitting import Kind, fit
from training.estimators import estimator_named, validated_params
from training.pipeline import build_pipeline

ALL: list[tuple[str, Kind]] = [
    ("logistic", "binary"),
    ("logistic", "multiclass"),
    ("ridge", "regression"),
    ("random_forest", "binary"),
    ("random_forest", "regression"),
    ("hist_gradient_boosting", "multiclass"),
    ("hist_gradient_boosting", "regression"),
]


@pytest.mark.parametrize(("estimator", "kind"), ALL)
def test_the_graph_gives_the_answers_of_scikit_learn_on_all_kinds_of_rows(
    estimator: str, kind: Kind
) -> None:
    one = fit(estimator, kind)
    model = mobile_model(one.pipeline, one.signature)
    runtime = MobileRuntime(one.signature, model, name="model.onnx", is_ort=False)
    native = NativeRuntime(one.pipeline, one.signature)
    kinds = kinds_of_rows(one.signature, one.held_out, np.random.default_rng(1), count=100)
    assert set(kinds) == {"real", "random", "edge", "missing"}
    for rows in kinds.values():
        found = compare(native.predict(rows), runtime.predict(rows))
        assert (found.label_mismatches, found.largest_difference <= TOLERANCE) == (0, True)


def test_it_computes_in_float32_and_names_its_tensors() -> None:
    one = fit("logistic", "binary")
    graph = onnx.load_from_string(mobile_model(one.pipeline, one.signature)).graph
    assert [tensor.name for tensor in graph.input] == ["numbers", "text_0", "text_1"]
    assert [tensor.name for tensor in graph.output] == ["probabilities", "class_index"]
    assert onnx.TensorProto.DOUBLE not in {tensor.data_type for tensor in graph.initializer}


def test_large_numbers_are_scaled_as_scikit_learn_scales_them() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"at": 1.7e9 + rng.normal(0, 40_000, 200)})
    truth = (frame["at"].to_numpy(np.float32).astype(float) - 1.7e9) / 1e4
    signature = infer_signature(frame, task="regression", output_name="answer")
    entry = estimator_named("ridge", "regression")
    pipeline = build_pipeline(
        entry, task="regression", params=validated_params(entry, {}), seed=1, signature=signature
    )
    columns = columns_from_frame(signature, frame)
    pipeline.fit(columns.to_frame(), truth)
    runtime = MobileRuntime(
        signature, mobile_model(pipeline, signature), name="model.onnx", is_ort=False
    )
    found = compare(NativeRuntime(pipeline, signature).predict(columns), runtime.predict(columns))
    assert found.largest_difference < 1e-5


def test_a_detector_of_anomalies_gives_the_scores_of_the_site() -> None:
    known = fit("logistic", "binary")
    signature = replace(known.signature, task="anomaly", classes=None)
    columns = known.held_out._replace(signature=signature)
    entry = estimator_named("isolation_forest", "anomaly")
    params = validated_params(entry, {"n_estimators": 10})
    pipeline = build_pipeline(entry, task="anomaly", params=params, seed=1, signature=signature)
    pipeline.fit(columns.to_frame())
    runtime = MobileRuntime(
        signature, mobile_model(pipeline, signature), name="model.onnx", is_ort=False
    )
    found = compare(NativeRuntime(pipeline, signature).predict(columns), runtime.predict(columns))
    assert found.largest_difference <= TOLERANCE


def test_a_pipeline_with_a_recipe_is_refused() -> None:
    one = fit("logistic", "binary")
    recipe = RecipeTransformer([], [])
    with pytest.raises(CannotRun, match="RecipeTransformer"):
        mobile_model(Pipeline([("recipe", recipe), *one.pipeline.steps]), one.signature)


def test_what_the_converter_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(OrtFailed) as failed:
        ort_format(b"this is no model", tmp_path)
    assert str(failed.value)


def test_no_rows_get_no_answers() -> None:
    one = fit("logistic", "binary")
    runtime: Any = MobileRuntime(
        one.signature, mobile_model(one.pipeline, one.signature), name="m", is_ort=False
    )
    assert runtime.predict(one.held_out.take(slice(0, 0))).labels == []
