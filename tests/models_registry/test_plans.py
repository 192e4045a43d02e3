"""Plans: a runtime that comes back from its plan is the same to the last bit, and needs no scikit-learn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from models_registry.runtimes import CannotRun
from models_registry.runtimes.choice import choose_runtime, load_runtime
from models_registry.runtimes.native import NativeRuntime
from models_registry.runtimes.plans import plan_of, runtime_of_plan
from models_registry.runtimes.proof import through_the_wire
from models_registry.signatures import encode_instances
from tests.models_registry.fitting import Kind, fit, validated
from tests.models_registry.test_runtimes import hard_rows

ROOT = Path(__file__).resolve().parents[2]
WITH_PLANS: list[tuple[str, Kind]] = [
    ("logistic", "binary"),
    ("logistic", "multiclass"),
    ("ridge", "regression"),
    ("random_forest", "binary"),
    ("random_forest", "regression"),
    ("hist_gradient_boosting", "regression"),
]
_ASK = """
import json, sys
sys.path.insert(0, {root!r})
from models_registry.runtimes.plans import runtime_of_plan
from models_registry.signatures import Signature, columns_from_body
said = json.load(open({facts!r}))
onnx = open({onnx!r}, "rb").read() or None
signature = Signature.from_dict(said["signature"])
runtime = runtime_of_plan(said["plan"].encode(), signature, onnx)
scores = runtime.predict(columns_from_body(signature, said["body"].encode()))
heavy = sorted({{"sklearn", "scipy", "pandas", "pyarrow", "skops"}} & set(sys.modules))
print(json.dumps({{"scores": scores.scores.tolist(), "labels": scores.labels, "heavy": heavy}}))
"""


@pytest.mark.parametrize(("estimator", "kind"), WITH_PLANS)
def test_a_runtime_from_its_plan_gives_the_same_bits(estimator: str, kind: Kind) -> None:
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    assert outcome.plan is not None, outcome.runtime
    first = load_runtime(
        name=outcome.runtime, pipeline=one.pipeline, onnx=outcome.onnx, signature=one.signature
    )
    again = runtime_of_plan(outcome.plan, one.signature, outcome.onnx)
    assert again.name == outcome.runtime
    for name, rows in hard_rows(one).items():
        asked = through_the_wire(rows)
        left, right = first.predict(asked), again.predict(asked)
        assert left.labels == right.labels, name
        assert np.array_equal(left.scores, right.scores), name
    assert plan_of(again) == outcome.plan


@pytest.mark.parametrize(("estimator", "kind"), [WITH_PLANS[0], WITH_PLANS[3]])
def test_it_answers_in_a_process_that_has_not_loaded_scikit_learn(
    estimator: str, kind: Kind, tmp_path: Path
) -> None:
    one, outcome = fit(estimator, kind), validated(estimator, kind)
    assert outcome.plan is not None
    facts, onnx = tmp_path / "facts.json", tmp_path / "graph.onnx"
    onnx.write_bytes(outcome.onnx or b"")
    said: dict[str, Any] = {
        "signature": one.signature.to_dict(),
        "plan": outcome.plan.decode(),
        "body": encode_instances(one.held_out).decode(),
    }
    facts.write_text(json.dumps(said))
    code = _ASK.format(root=str(ROOT), facts=str(facts), onnx=str(onnx))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    wanted = runtime_of_plan(outcome.plan, one.signature, outcome.onnx).predict(
        through_the_wire(one.held_out)
    )
    assert (found["labels"], found["scores"]) == (wanted.labels, wanted.scores.tolist())
    assert found["heavy"] == []


def test_runtimes_that_need_the_pipeline_have_no_plan() -> None:
    one = fit("logistic", "binary")
    assert plan_of(NativeRuntime(one.pipeline, one.signature)) is None
    mixed = choose_runtime(one.pipeline, one.signature, one.held_out, np.random.default_rng(1))
    assert plan_of(mixed.runtime) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"runtime": "native"},
        {"parts": {}},
        {"parts": None},
        {"weights": {"kind": "f8", "shape": [1, 1], "data": "AAAAAAAA8D8="}},
        {"weights": {"kind": "O", "shape": [1, 1], "data": "AAAAAAAA8D8="}},
        {"weights": {"kind": "f8", "shape": [9, 9], "data": "AAAAAAAA8D8="}},
        {"weights": {"kind": "f8", "shape": [1, 1], "data": "not base64"}},
    ],
    ids=str,
)
def test_a_plan_that_is_damaged_or_of_another_signature_is_refused(change: dict[str, Any]) -> None:
    one, outcome = fit("logistic", "binary"), validated("logistic", "binary")
    assert outcome.plan is not None
    said = orjson.loads(outcome.plan)
    if "weights" in change:
        said["parts"] |= change
    else:
        said |= change
    with pytest.raises(CannotRun):
        runtime_of_plan(orjson.dumps(said), one.signature, outcome.onnx)
    for noise in (b"", b"[]", outcome.plan[:-20]):
        with pytest.raises(CannotRun):
            runtime_of_plan(noise, one.signature, outcome.onnx)
    other = fit("hist_gradient_boosting", "regression").signature
    fewer = type(other)(other.inputs[:2], "classification", ("a", "b"))
    with pytest.raises(CannotRun):
        runtime_of_plan(outcome.plan, fewer, None)
