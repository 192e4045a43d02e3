"""A whole pipeline as one float32 graph for phones: ONNX, and onnxruntime's own ``.ort`` format.

Inputs: ``numbers`` (float32, [n, numeric columns], in the signature's order; NaN is null, truth values are 0 and 1)
and one tensor of strings ``text_0``, ``text_1``, … ([n]; the empty string is null) for each text column. Outputs:
``probabilities`` (float32, [n, classes], in the signature's order) and ``class_index`` (int64, [n]) of a
classifier; ``value`` (float32, [n]) of a regressor, or the score of a detector of anomalies.

Imputing, scaling and encoding become operators in front of the estimator that skl2onnx converts. Means and scales are
rounded to float32 first, as scikit-learn does with float32 columns.

Sources: ONNX operators (opset 18; ``ai.onnx.ml`` 3: ``LabelEncoder``); onnxruntime, "ORT model format".
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from models_registry.runtimes import CannotRun, Scores
from models_registry.runtimes.base import no_scores, scores_of_probabilities, scores_of_values
from models_registry.runtimes.onnx import convert
from models_registry.runtimes.preparation import NumericBlock, Preparation, TextBlock
from models_registry.signatures import Columns, Signature

NUMBERS = "numbers"
PROBABILITIES, CLASS_INDEX, VALUE = "probabilities", "class_index", "value"
#: As old as the operators allow, so that released onnxruntime packages for phones read it.
_OPSETS = {"": 18, "ai.onnx.ml": 3}
_IR_VERSION = 8
_PREFIX = "model_"
_CONVERT_SECONDS = 300.0


def text_input(index: int) -> str:
    """Return the name of the tensor of the text column with this number."""
    return f"text_{index}"


@dataclass(slots=True)
class _Graph:
    """Operators and constants that are being collected."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        domain = "ai.onnx.ml" if operator == "LabelEncoder" else ""
        node = helper.make_node(
            operator, list(inputs), [output], output, domain=domain, **attributes
        )
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(values, name))
        return name


def mobile_model(pipeline: Pipeline, signature: Signature) -> bytes:
    """Return a fitted pipeline as one ONNX model.

    Raises
    ------
    CannotRun
        A step (such as a recipe) or the estimator is not known to the conversion.
    """
    import onnx
    from onnx import TensorProto, helper

    preparation = Preparation.of(pipeline[0], signature)
    if len(pipeline.steps) != 2:
        raise CannotRun("only a preparation and an estimator are known, not further steps")
    estimator = onnx.load_from_string(convert(pipeline, preparation.width))
    graph = _Graph()
    parts = [
        (block.target.start, _numeric(graph, block, index))
        for index, block in enumerate(preparation.numeric)
    ]
    parts += [(block.target.start, _text(graph, block)) for block in preparation.text]
    prepared = graph.add("Concat", [name for _, name in sorted(parts)], "prepared", axis=1)
    inner = onnx.compose.add_prefix(estimator, _PREFIX, rename_functions=False)
    source = inner.graph.input[0].name
    for node in inner.graph.node:
        for at, name in enumerate(node.input):
            if name == source:
                node.input[at] = prepared
    before = list(graph.nodes)
    outputs = _outputs(graph, inner.graph.output[-1].name, signature)
    inputs = (
        [helper.make_tensor_value_info(NUMBERS, TensorProto.FLOAT, [None, len(signature.numeric)])]
        if signature.numeric
        else []
    )
    inputs += [
        helper.make_tensor_value_info(text_input(index), TensorProto.STRING, [None])
        for index in range(len(signature.text))
    ]
    made = helper.make_model(
        helper.make_graph(
            [*before, *inner.graph.node, *graph.nodes[len(before) :]],
            "pipeline",
            inputs,
            outputs,
            [*graph.constants, *inner.graph.initializer],
        ),
        opset_imports=[helper.make_opsetid(*one) for one in _OPSETS.items()],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    return data


def _numeric(graph: _Graph, block: NumericBlock, index: int) -> str:
    name = f"numeric_{index}"
    sources = graph.constant(f"{name}_columns", block.sources.astype(np.int64))
    current = graph.add("Gather", [NUMBERS, sources], f"{name}_chosen", axis=1)
    if block.fill is not None:
        missing = graph.add("IsNaN", [current], f"{name}_missing")
        fill = graph.constant(f"{name}_fill", block.fill.reshape(1, -1).astype(np.float32))
        current = graph.add("Where", [missing, fill, current], f"{name}_filled")
    if block.mean is not None:
        mean = graph.constant(f"{name}_mean", block.mean.reshape(1, -1).astype(np.float32))
        current = graph.add("Sub", [current, mean], f"{name}_centred")
    if block.scale is not None:
        scale = graph.constant(f"{name}_scale", block.scale.reshape(1, -1).astype(np.float32))
        current = graph.add("Div", [current, scale], f"{name}_scaled")
    return current


def _text(graph: _Graph, block: TextBlock) -> str:
    name = text_input(block.source)
    known = sorted(block.codes, key=lambda value: block.codes[value])
    table = graph.constant(f"{name}_table", block.table)
    if not known:
        codes = graph.add(
            "LabelEncoder",
            [name],
            f"{name}_code",
            keys_strings=[""],
            values_int64s=[0],
            default_int64=0,
        )
    else:
        codes = graph.add(
            "LabelEncoder",
            [name],
            f"{name}_code",
            keys_strings=known,
            values_int64s=[block.codes[value] for value in known],
            default_int64=len(block.table) - 1,
        )
    return graph.add("Gather", [table, codes], f"{name}_encoded", axis=0)


def _outputs(graph: _Graph, scores: str, signature: Signature) -> list[Any]:
    from onnx import TensorProto, helper

    if signature.classes is None:
        if signature.task == "anomaly":  # what the estimator gives is high for what is usual
            scores = graph.add("Neg", [scores], "unusual")
        shape = graph.constant("flat", np.array([-1], dtype=np.int64))
        graph.add("Reshape", [scores, shape], VALUE)
        return [helper.make_tensor_value_info(VALUE, TensorProto.FLOAT, [None])]
    graph.add("Identity", [scores], PROBABILITIES)
    graph.add("ArgMax", [scores], CLASS_INDEX, axis=1, keepdims=0)
    return [
        helper.make_tensor_value_info(
            PROBABILITIES, TensorProto.FLOAT, [None, len(signature.classes)]
        ),
        helper.make_tensor_value_info(CLASS_INDEX, TensorProto.INT64, [None]),
    ]


@dataclass(frozen=True, slots=True)
class OrtModel:
    """A model in onnxruntime's own format.

    Attributes
    ----------
    operators
        ``required_operators.config``: what a reduced build of onnxruntime has to contain.
    """

    model: bytes
    operators: bytes


class OrtFailed(Exception):
    """onnxruntime's converter does not run here, or failed."""


def ort_format(model: bytes, folder: Path) -> OrtModel:
    """Return an ONNX model in ``.ort`` format, by onnxruntime's converter in a process of its own.

    Parameters
    ----------
    folder
        An empty folder to work in.

    Raises
    ------
    OrtFailed
        The converter failed; the text is its own last line.
    """
    (folder / "in").mkdir(parents=True)
    (folder / "in/model.onnx").write_bytes(model)
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "onnxruntime.tools.convert_onnx_models_to_ort", "in"),
            *("--output_dir", "out", "--optimization_style", "Fixed", "--target_platform", "arm"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_CONVERT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise OrtFailed(said[:500])
    operators = (folder / "out/required_operators.config").read_text()
    kept = [line for line in operators.splitlines() if not line.startswith("#")]
    return OrtModel((folder / "out/model.ort").read_bytes(), ("\n".join(kept) + "\n").encode())


class MobileRuntime:
    """A mobile model in onnxruntime, asked as a phone would ask it."""

    def __init__(self, signature: Signature, model: bytes, *, name: str, is_ort: bool) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if is_ort:
            options.add_session_config_entry("session.load_model_format", "ORT")
        self.name = name
        self._signature = signature
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        if columns.row_count == 0:
            return no_scores(self._signature)
        inputs: dict[str, Any] = {
            text_input(index): column.astype(object) for index, column in enumerate(columns.text)
        }
        if self._signature.numeric:
            inputs[NUMBERS] = columns.numeric.astype(np.float32)
        if self._signature.classes is None:
            (values,) = self._session.run([VALUE], inputs)
            return scores_of_values(np.asarray(values, dtype=np.float64))
        (probabilities,) = self._session.run([PROBABILITIES], inputs)
        return scores_of_probabilities(self._signature, np.asarray(probabilities, dtype=np.float64))
