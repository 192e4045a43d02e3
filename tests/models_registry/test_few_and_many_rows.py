"""Runtimes that take one row, or many, on a way of their own: the answers are those of the usual way."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from models_registry.runtimes import Scores
from models_registry.runtimes.choice import load_runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.onnx import OnnxRuntime
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.proof import agreements, ask_singly, compare
from models_registry.signatures import Columns, columns_from_frame
from tests.models_registry.fitting import Kind, fit, frame_of, validated
from tests.models_registry.test_runtimes import FAMILIES, hard_rows


@pytest.mark.parametrize(("estimator", "kind"), FAMILIES)
def test_a_row_alone_gets_the_answer_that_it_gets_among_others(estimator: str, kind: Kind) -> None:
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    runtime = load_runtime(
        name=outcome.runtime, pipeline=one.pipeline, onnx=outcome.onnx, signature=one.signature
    )
    for name, rows in hard_rows(one).items():
        together, singly = runtime.predict(rows), ask_singly(runtime, rows, rows.row_count)
        # A sum of products may be rounded in another order; far-away rows make large sums.
        np.testing.assert_allclose(singly.scores, together.scores, 1e-9, 1e-12, err_msg=name)
        assert singly.labels == together.labels or kind == "regression", name


def test_single_rows_of_several_threads_do_not_get_into_each_others_way() -> None:
    one, outcome = fit("random_forest", "multiclass"), validated("random_forest", "multiclass")
    assert outcome.runtime.startswith("onnx")
    runtime = load_runtime(
        name=outcome.runtime, pipeline=one.pipeline, onnx=outcome.onnx, signature=one.signature
    )
    expected = runtime.predict(one.held_out).scores
    found: dict[int, Any] = {}

    def ask(thread: int) -> None:
        found[thread] = ask_singly(runtime, one.held_out, one.held_out.row_count).scores

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for scores in found.values():
        np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("estimator", ["random_forest", "hist_gradient_boosting"])
def test_two_threads_give_many_rows_the_same_answers_as_one(estimator: str, kind: Kind) -> None:
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    assert outcome.onnx is not None
    many = columns_from_frame(one.signature, frame_of(1500, seed=5))
    found: list[Scores] = []
    for threads in (1, 2):
        preparation = Preparation.of(one.pipeline[0], one.signature)
        runtime = OnnxRuntime(preparation, one.signature, outcome.onnx, threads_for_many=threads)
        found.append(runtime.predict(many))
        assert (runtime._session_for_many is not None) == (threads == 2)
    # Trees are summed up in float32, in another order.
    np.testing.assert_allclose(found[0].scores, found[1].scores, rtol=1e-6, atol=1e-7)
    assert compare(found[0], found[1]).is_equal


def test_the_proof_asks_for_single_rows_too() -> None:
    one = fit("logistic", "binary")
    native = NativeRuntime(one.pipeline, one.signature)

    class WrongForOne(NativeRuntime):
        def predict(self, columns: Columns) -> Scores:
            scores = super().predict(columns)
            assert scores.probabilities is not None
            if columns.row_count > 1:
                return scores
            return Scores(scores.labels, scores.probabilities[:, ::-1])

    wrong = WrongForOne(one.pipeline, one.signature)
    kinds = {"real": one.held_out}
    assert agreements(native, native, kinds)["real"].is_equal
    assert not agreements(native, wrong, kinds)["real"].is_equal
