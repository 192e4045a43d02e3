"""Looking at ONNX files, binding them to signatures, and answering with them; no database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from core.errors import DomainError
from models_registry.errors import DeclarationRefused, ModelRefused, SandboxFailed
from models_registry.runtimes.uploaded import Binding, RowsNotComputed, UploadedRuntime
from models_registry.signatures import Columns, Signature, columns_from_matrix, columns_from_records
from models_registry.uploads import sandbox
from models_registry.uploads.binding import bind
from models_registry.uploads.declaring import Declaration
from models_registry.uploads.inspection import inspect
from models_registry.uploads.measuring import differences, trial_rows
from models_registry.uploads.probing import probe
from models_registry.uploads.sandbox import SandboxLimits, examine
from tests.models_registry import onnx_files as files

NAMES = ["size", "weight", "age"]
LIMITS = SandboxLimits(2 * 1024**3, 60)


def bound(
    data: bytes, task: Any = "classification", declared: Mapping[str, Any] | None = None
) -> tuple[Signature, Binding]:
    """Look at a file in this process, and bind it."""
    said = Declaration.from_dict(declared)
    facts = inspect(data)
    outputs = probe(
        data,
        facts,
        column_count=len(said.inputs) or None,
        texts=[one.categories for one in said.inputs],
    )
    return bind({"facts": facts, "outputs": outputs}, task=task, declared=said)


def rows_for(signature: Signature, count: int = 20) -> Columns:
    return columns_from_matrix(signature, files.data()[0][:count].astype(np.float64))


FILES: Mapping[str, tuple[bytes, Mapping[str, Any] | None]] = {
    "scikit-learn": (files.from_skl2onnx(zipmap=False), None),
    "scikit-learn with maps": (files.from_skl2onnx(zipmap=True), {"inputs": NAMES}),
    "text classes in maps": (files.from_skl2onnx(zipmap=True, text=True), None),
    "net with softmax": (files.like_pytorch().SerializeToString(), {"inputs": NAMES}),
    "net with logits": (
        files.like_pytorch(softmax=False).SerializeToString(),
        {"outputs": {"scores_are": "logit"}},
    ),
    "boosted tree": (files.like_xgboost().SerializeToString(), None),
    "logistic unit of open width": (
        files.like_tensorflow().SerializeToString(),
        {"inputs": NAMES, "classes": ["no", "yes"]},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_classifier_gives_labels_and_probabilities(name: str) -> None:
    data, declared = FILES[name]
    signature, binding = bound(data, declared=declared)
    rows = rows_for(signature)
    scores = UploadedRuntime(signature, data, binding).predict(rows)
    assert scores.probabilities is not None
    assert scores.probabilities.shape == (20, 2)
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert signature.classes is not None
    best = [signature.classes[at] for at in scores.probabilities.argmax(axis=1)]
    assert scores.labels == best
    expected = NAMES if declared and "inputs" in declared else ["f0", "f1", "f2"]
    assert list(signature.names) == expected


def test_a_regressor_gives_what_the_library_gives() -> None:
    signature, binding = bound(files.regressor(), "regression")
    rows = rows_for(signature)
    found = UploadedRuntime(signature, files.regressor(), binding).predict(rows)
    assert found.probabilities is None
    from onnxruntime import InferenceSession

    session = InferenceSession(files.regressor(), providers=["CPUExecutionProvider"])
    (own,) = session.run(None, {"X": files.data()[0][:20]})
    np.testing.assert_array_equal(np.array(found.labels), own.reshape(-1).astype(np.float64))


def test_scores_of_anomalies_are_turned_round_where_high_is_usual() -> None:
    with pytest.raises(DeclarationRefused, match=r"'anomaly'.*'normality'"):
        bound(files.regressor(), "anomaly")
    answers = {}
    for meaning in ("anomaly", "normality"):
        signature, binding = bound(
            files.regressor(), "anomaly", {"outputs": {"scores_are": meaning}}
        )
        runtime = UploadedRuntime(signature, files.regressor(), binding)
        answers[meaning] = runtime.predict(rows_for(signature)).labels
    assert answers["normality"] == [-one for one in answers["anomaly"]]


def test_softmax_and_declared_logits_of_the_same_net_agree() -> None:
    answers = []
    for softmax, declared in ((True, None), (False, {"outputs": {"scores_are": "logit"}})):
        data = files.like_pytorch(softmax=softmax).SerializeToString()
        signature, binding = bound(data, declared=declared)
        answers.append(UploadedRuntime(signature, data, binding).predict(rows_for(signature)))
    left, right = (one.probabilities for one in answers)
    assert left is not None
    assert right is not None
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_scores_that_do_not_look_like_probabilities_must_be_explained() -> None:
    with pytest.raises(DeclarationRefused, match="'probability' or 'logit'"):
        bound(files.like_pytorch(softmax=False).SerializeToString())


def test_a_tensor_for_each_column_is_a_column_of_its_name_and_type() -> None:
    data = files.one_tensor_per_column()
    signature, binding = bound(data)
    assert [(one.name, one.type, one.categories) for one in signature.inputs] == [
        ("size", "number", None),
        ("region", "string", ("north", "south")),
    ]
    runtime = UploadedRuntime(signature, data, binding)
    rows = columns_from_records(
        signature, [{"size": 0.1, "region": "north"}, {"size": 0.1, "region": "south"}]
    )
    assert runtime.predict(rows).labels == [1, 0]
    strange = columns_from_records(signature, [{"size": 0.1, "region": "west"}])
    assert strange.unseen == ((0, "region"),)
    with pytest.raises(RowsNotComputed, match="Unknown Category"):
        runtime.predict(strange)


def test_declared_columns_are_matched_by_name_where_all_names_are_the_files_own() -> None:
    declared = {"inputs": [{"name": "region", "description": "where"}, "size"]}
    signature, _ = bound(files.one_tensor_per_column(), declared=declared)
    assert signature.names == ("size", "region")
    assert signature.inputs[1].description == "where"


@pytest.mark.parametrize("name", FILES)
def test_answers_do_not_change_through_the_wire_in_batches_or_after_storing(name: str) -> None:
    data, declared = FILES[name]
    signature, binding = bound(data, declared=declared)
    rng = np.random.default_rng(0)
    wire, reload = differences(
        UploadedRuntime(signature, data, binding),
        lambda: UploadedRuntime(signature, data, Binding.from_dict(binding.to_dict())),
        trial_rows(signature, rng, 30),
    )
    assert (wire.obstacle, reload.obstacle) == ("", "")
    assert wire.rows == 30
    assert wire.largest is not None
    assert wire.largest < 1e-6
    assert reload.largest == 0.0


def _with(model: Any, change: Any) -> bytes:
    change(model)
    return bytes(model.SerializeToString())


def _external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def _branch(model: Any) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["input"], ["x"], then_branch=inner, else_branch=inner)
    )


def _function(model: Any) -> None:
    model.functions.append(
        helper.make_function("mine", "f", ["a"], ["b"], [], [helper.make_opsetid("", 17)])
    )


def _rank_four(model: Any) -> None:
    shape = model.graph.input[0].type.tensor_type.shape
    for _ in range(2):
        shape.dim.add().dim_value = 8


def _ir(model: Any) -> None:
    model.ir_version = 99


def _old(model: Any) -> None:
    model.opset_import[0].version = 3


REFUSED: Mapping[str, tuple[bytes, str]] = {
    "no model": (b"PK\x03\x04 something else", "not an ONNX model"),
    "nothing": (b"\x08\x08", "no graph"),
    "a tensor in another file": (_with(files.like_pytorch(), _external), "lies in another file"),
    "a branch": (_with(files.like_pytorch(), _branch), "loops or branches"),
    "a function": (_with(files.like_pytorch(), _function), "functions of its own"),
    "operators of others": (
        files.like_pytorch(domain="com.microsoft").SerializeToString(),
        "com.microsoft",
    ),
    "one row at a time": (
        files.like_pytorch(first_axis=1).SerializeToString(),
        "dynamic first axis",
    ),
    "pictures": (_with(files.like_pytorch(), _rank_four), "rank 4"),
    "a newer format": (_with(files.like_pytorch(), _ir), "IR version is 99"),
    "old operators": (_with(files.like_pytorch(), _old), "opset 3"),
    "an operator that is none": (
        files.like_pytorch(
            extra_nodes=(helper.make_node("Nonsense", ["z"], ["q"]),)
        ).SerializeToString(),
        "checker",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_run_is_refused_with_the_reason(name: str) -> None:
    data, why = REFUSED[name]
    with pytest.raises(ModelRefused, match=why):
        inspect(data)


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ([], "signature"),
        ({"inputs": ["a", "a", "b"]}, "signature.inputs[1].name"),
        ({"inputs": [{"name": "a", "type": "picture"}]}, "signature.inputs[0].type"),
        ({"inputs": [{"name": "a", "kind": "number"}]}, "signature.inputs[0].kind"),
        ({"classes": ["one"]}, "signature.classes"),
        ({"classes": ["one", 2]}, "signature.classes"),
        ({"outputs": {"scores_are": "guess"}}, "signature.outputs.scores_are"),
        ({"more": 1}, "signature.more"),
    ],
)
def test_a_malformed_declaration_names_the_part(declared: Any, field: str) -> None:
    with pytest.raises(DeclarationRefused) as refusal:
        Declaration.from_dict(declared)
    assert refusal.value.errors[0].field == field


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"inputs": ["a", "b"]}, "2 columns are named; the model takes 3"),
        ({"inputs": [{"name": "a", "type": "string"}, "b", "c"]}, "cannot be a string"),
        ({"classes": ["a", "b", "c"]}, "3 classes are named; the model scores 2"),
        ({"outputs": {"scores": "nothing"}}, "no such output 'nothing'"),
        ({"outputs": {"scores_are": "value"}}, "probabilities or logits"),
    ],
)
def test_a_declaration_that_does_not_fit_the_file_is_refused(declared: Any, why: str) -> None:
    with pytest.raises(DeclarationRefused, match=why):
        bound(files.from_skl2onnx(zipmap=False), declared=declared)


def test_an_open_width_must_be_declared() -> None:
    with pytest.raises(ModelRefused, match="does not say how many columns"):
        bound(files.like_tensorflow().SerializeToString())


def test_null_is_a_value_only_where_it_was_declared_and_the_tensor_bears_it() -> None:
    data = files.like_xgboost().SerializeToString()
    declared = {"inputs": [{"name": "size", "nullable": True}, "weight", "age"]}
    signature, binding = bound(data, declared=declared)
    rows = columns_from_records(signature, [{"size": None, "weight": 1, "age": 2}])
    assert UploadedRuntime(signature, data, binding).predict(rows).labels == [0]
    net = files.like_pytorch().SerializeToString()
    signature, binding = bound(net, declared=declared)
    with pytest.raises(RowsNotComputed, match="row 0: the model's answer is no finite number"):
        UploadedRuntime(signature, net, binding).predict(rows)


def test_a_file_is_opened_in_a_process_that_is_limited() -> None:
    found = examine(files.like_pytorch().SerializeToString(), LIMITS)
    assert found["facts"]["producer"] == "pytorch 2.4.0"
    assert found["outputs"][0]["sums_to_one"]
    with pytest.raises(ModelRefused, match="not an ONNX model"):
        examine(b"nonsense", LIMITS)


def test_a_file_that_takes_too_much_is_stopped() -> None:
    size = 2**31
    hog = helper.make_node(
        "ConstantOfShape",
        ["n"],
        ["big"],
        value=helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0]),
    )
    nodes = (
        helper.make_node("Constant", [], ["n"], value_ints=[size]),
        hog,
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
    )
    model = files.like_pytorch(extra_nodes=nodes)
    model.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, []))
    with pytest.raises((SandboxFailed, ModelRefused)):
        examine(model.SerializeToString(), SandboxLimits(1024**3, 20))


def test_work_can_be_stopped_while_a_file_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(DomainError):
        pass

    def stop() -> None:
        raise Stopped

    monkeypatch.setattr(sandbox, "_LOOK_SECONDS", 0.01)  # an interpreter takes longer to start
    with pytest.raises(Stopped):
        examine(b"", LIMITS, on_wait=stop)
    with pytest.raises(SandboxFailed, match=r"more than 0\.01 seconds"):
        examine(b"", SandboxLimits(2 * 1024**3, 0.01))


def test_the_child_loads_neither_django_nor_scikit_learn() -> None:
    code = (
        "import sys, models_registry.uploads.child, models_registry.uploads.inspection, "
        "models_registry.uploads.probing; print([m for m in ('django', 'sklearn', 'pandas') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert said.stdout.strip() == "[]"
