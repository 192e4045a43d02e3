"""What an ONNX file says of itself, read without running it; what may not be run is refused here.

A graph is data, but its operators are code: so only operators of the two standard domains are taken, none that
loops or branches (what one row costs must not depend on its values), no function that the file brings along, and
no tensor that lies in another file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from models_registry.errors import ModelRefused
from models_registry.uploads.limits import MOST_COLUMNS

#: ``ai.onnx`` is the empty name in files.
DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
#: Operators whose costs depend on the values of a row, or that hold graphs of their own.
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
#: The oldest operators that onnxruntime promises to run; the newest are those of the ``onnx`` package.
OLDEST_OPSET = 7
OLDEST_IR = 3
MOST_NODES = 50_000

_TYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.INT8: "int8",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}
_CLASS_LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
_CATEGORIES = ("cats_strings", "keys_strings")
#: What hands a text on as it is.
_PASSES_ON = frozenset({"Identity", "Reshape", "Gather"})
_MOST_CATEGORIES = 1000


def inspect(data: bytes) -> dict[str, Any]:
    """Return what a file says of itself, as JSON-compatible values.

    Returns
    -------
    dict
        ``ir_version``, ``opsets``, ``producer``, ``nodes``, ``operators``; ``inputs``, each with ``name``,
        ``type``, ``rank`` (1 or 2), ``width`` (None where it is open) and ``categories``; ``outputs``, each with
        ``name`` and ``operator``; ``classes`` where the graph names them.

    Raises
    ------
    ModelRefused
        It is no ONNX file, not a valid one, or holds what is not run here.
    """
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # protobuf's errors differ between its implementations
        raise ModelRefused("The file is not an ONNX model.", field="file") from error
    if not model.graph.node:
        raise ModelRefused("The file is not an ONNX model: it has no graph.", field="file")
    _check_versions(model)
    _check_graph(model)
    try:
        onnx.checker.check_model(data)
    except Exception as error:
        raise ModelRefused(
            f"The ONNX checker refuses the file: {_first_line(error)}", field="file"
        ) from error
    return {
        "ir_version": model.ir_version,
        "opsets": {one.domain or "ai.onnx": one.version for one in model.opset_import},
        "producer": f"{model.producer_name} {model.producer_version}".strip()[:200],
        "nodes": len(model.graph.node),
        "operators": sorted({node.op_type for node in model.graph.node}),
        "inputs": _inputs(model.graph),
        "outputs": _outputs(model.graph),
        "classes": _classes(model.graph),
    }


def _check_versions(model: ModelProto) -> None:
    if not OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        raise ModelRefused(
            f"The file's IR version is {model.ir_version}; {OLDEST_IR} to {onnx.IR_VERSION} are read.",
            field="file",
        )
    for one in model.opset_import:
        if one.domain not in DOMAINS:
            raise ModelRefused(
                f"The file imports operators of '{one.domain}'; only ai.onnx and ai.onnx.ml are run.",
                field="file",
            )
        if one.domain in ("", "ai.onnx"):
            newest = onnx.defs.onnx_opset_version()
            if not OLDEST_OPSET <= one.version <= newest:
                raise ModelRefused(
                    f"The file uses opset {one.version} of ai.onnx; {OLDEST_OPSET} to {newest} are run.",
                    field="file",
                )
    if model.functions:
        raise ModelRefused(
            "The file brings functions of its own; inline them (onnx.inliner) before the upload.",
            field="file",
        )
    if model.training_info:
        raise ModelRefused("The file holds training steps; export it for inference.", field="file")


def _check_graph(model: ModelProto) -> None:
    graph = model.graph
    if len(graph.node) > MOST_NODES:
        raise ModelRefused(
            f"The graph has {len(graph.node):,} operators; at most {MOST_NODES:,} are run.",
            field="file",
        )
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise ModelRefused(
                f"The operator {node.op_type} is of '{node.domain}'; only ai.onnx and ai.onnx.ml are run.",
                field="file",
            )
        holds_graph = any(
            one.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for one in node.attribute
        )
        if node.op_type in CONTROL_FLOW or holds_graph:
            raise ModelRefused(
                f"The operator {node.op_type} loops or branches; such graphs are not run.",
                field="file",
            )
    for tensor in _tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ModelRefused(
                f"The tensor '{tensor.name[:100]}' lies in another file; store all tensors in the model file.",
                field="file",
            )


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for one in node.attribute:
            if one.HasField("t"):
                yield one.t
            yield from one.tensors
            for sparse in (
                *([one.sparse_tensor] if one.HasField("sparse_tensor") else []),
                *one.sparse_tensors,
            ):
                yield sparse.values
                yield sparse.indices


def _inputs(graph: GraphProto) -> list[dict[str, Any]]:
    stored = {one.name for one in graph.initializer}
    found: list[dict[str, Any]] = []
    for value in graph.input:
        if value.name in stored:  # up to IR version 3, initializers are listed as inputs too
            continue
        kind = value.type.tensor_type
        if value.type.WhichOneof("value") != "tensor_type" or kind.elem_type not in _TYPES:
            raise ModelRefused(
                f"The input '{value.name}' is no tensor of numbers, truth values or text.",
                field="file",
            )
        if not kind.HasField("shape") or len(kind.shape.dim) not in (1, 2):
            said = len(kind.shape.dim) if kind.HasField("shape") else "unknown"
            raise ModelRefused(
                f"The input '{value.name}' has the rank {said}; rows of a table are tensors of the shape "
                "[rows] or [rows, columns].",
                field="file",
            )
        first, *rest = kind.shape.dim
        if first.HasField("dim_value"):
            raise ModelRefused(
                f"The input '{value.name}' takes exactly {first.dim_value} row(s); export the model with a "
                "dynamic first axis.",
                field="file",
            )
        width: int | None = 1
        if rest:
            width = int(rest[0].dim_value) if rest[0].HasField("dim_value") else None
        if width is not None and not 1 <= width <= MOST_COLUMNS:
            raise ModelRefused(
                f"The input '{value.name}' has {width:,} columns; 1 to {MOST_COLUMNS:,} are served.",
                field="file",
            )
        found.append(
            {
                "name": value.name,
                "type": _TYPES[kind.elem_type],
                "rank": len(kind.shape.dim),
                "width": width,
                "categories": _known_texts(graph, value.name) if width == 1 else None,
            }
        )
    if not found:
        raise ModelRefused("The graph has no input.", field="file")
    return found


def _known_texts(graph: GraphProto, name: str) -> list[str] | None:
    """Return the texts that the encoder behind an input knows; None where it knows none or several do."""
    names = {name}
    lists: list[list[str]] = []
    for node in graph.node:
        if not names & set(node.input[:1]):
            continue
        if node.op_type in _PASSES_ON:
            names.update(node.output)
        lists.extend(
            [text.decode("utf-8", "replace") for text in one.strings]
            for one in node.attribute
            if one.name in _CATEGORIES and one.strings
        )
    return lists[0] if len(lists) == 1 and len(lists[0]) <= _MOST_CATEGORIES else None


def _outputs(graph: GraphProto) -> list[dict[str, Any]]:
    makers = {name: node.op_type for node in graph.node for name in node.output}
    return [{"name": one.name, "operator": makers.get(one.name, "")} for one in graph.output]


def _classes(graph: GraphProto) -> list[Any] | None:
    """Return the class labels that all classifiers of the graph agree on."""
    found: list[list[Any]] = []
    for node in graph.node:
        for one in node.attribute:
            if one.name in _CLASS_LABELS:
                texts = [text.decode("utf-8", "replace") for text in one.strings]
                labels: list[Any] = texts or list(one.ints)
                if labels and labels not in found:
                    found.append(labels)
    return found[0] if len(found) == 1 else None


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")[:300]
