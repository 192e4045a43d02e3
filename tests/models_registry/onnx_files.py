"""ONNX files as other tools write them; those of other libraries are built by hand, operator by operator."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

WIDTH = 3


@cache
def data(rows: int = 240) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return rows of three numbers and a class that follows from them."""
    rng = np.random.default_rng(4)
    rows_ = rng.normal(0, 1, (rows, WIDTH)).astype(np.float32)
    score = rows_ @ np.array([1.5, -1.0, 0.4]) + rng.normal(0, 0.3, rows)
    return rows_, (score > 0).astype(np.int64)


@cache
def from_skl2onnx(*, zipmap: bool, text: bool = False) -> bytes:
    """Return a logistic regression over one matrix, its classes numbers or text."""
    from skl2onnx import to_onnx

    rows, classes = data()
    truth = np.where(classes == 1, "yes", "no") if text else classes
    model = LogisticRegression().fit(rows, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = to_onnx(model, rows[:1], target_opset=18, options={id(model): {"zipmap": zipmap}})
    return bytes(made.SerializeToString())


@cache
def regressor() -> bytes:
    """Return a ridge regression over one matrix."""
    from skl2onnx import to_onnx

    rows, classes = data()
    made = to_onnx(Ridge().fit(rows, classes * 10.0 + rows[:, 0]), rows[:1], target_opset=18)
    return bytes(made.SerializeToString())


@cache
def one_tensor_per_column() -> bytes:
    """Return a pipeline over a number and a text, each an input of its own, as skl2onnx makes it of a frame."""
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    rows, classes = data()
    frame = pd.DataFrame({"size": rows[:, 0], "region": np.where(classes == 1, "north", "south")})
    columns = ColumnTransformer(
        [("text", OneHotEncoder(sparse_output=False), ["region"])], remainder="passthrough"
    )
    model = make_pipeline(columns, LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, classes)
        made = to_onnx(
            model,
            initial_types=[
                ("size", FloatTensorType([None, 1])),
                ("region", StringTensorType([None, 1])),
            ],
            target_opset=18,
        )
    return bytes(made.SerializeToString())


def _model(graph: Any, opsets: dict[str, int] | None = None, **more: Any) -> ModelProto:
    wanted = opsets or {"": 17}
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid(name, number) for name, number in wanted.items()],
        ir_version=8,
        **more,
    )


def _weights() -> list[Any]:
    rng = np.random.default_rng(1)
    return [
        numpy_helper.from_array(rng.normal(0, 0.8, (8, WIDTH)).astype(np.float32), "fc1.weight"),
        numpy_helper.from_array(np.zeros(8, np.float32), "fc1.bias"),
        numpy_helper.from_array(rng.normal(0, 0.8, (2, 8)).astype(np.float32), "fc2.weight"),
        numpy_helper.from_array(np.zeros(2, np.float32), "fc2.bias"),
    ]


def like_pytorch(
    *,
    softmax: bool = True,
    first_axis: str | int = "batch",
    domain: str = "",
    extra_nodes: tuple[Any, ...] = (),
) -> ModelProto:
    """Return a net of two layers as PyTorch's exporter writes it: Gemm, Relu, Gemm and perhaps Softmax."""
    nodes = [
        helper.make_node("Gemm", ["input", "fc1.weight", "fc1.bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["a"], domain=domain),
        helper.make_node(
            "Gemm", ["a", "fc2.weight", "fc2.bias"], ["z" if softmax else "output"], transB=1
        ),
        *([helper.make_node("Softmax", ["z"], ["output"], axis=1)] if softmax else []),
        *extra_nodes,
    ]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [first_axis, WIDTH])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [first_axis, 2])],
        _weights(),
    )
    opsets = {"": 17, domain: 1} if domain else {"": 17}
    return _model(graph, opsets, producer_name="pytorch", producer_version="2.4.0")


def like_xgboost() -> ModelProto:
    """Return one tree as a TreeEnsembleClassifier with label and probabilities, as converters of boosting write it."""
    tree = helper.make_node(
        "TreeEnsembleClassifier",
        ["input"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        classlabels_int64s=[0, 1],
        post_transform="LOGISTIC",
        base_values=[0.1],
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_modes=["BRANCH_LT", "LEAF", "LEAF"],
        nodes_values=[0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        nodes_missing_value_tracks_true=[1, 0, 0],
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 0],
        class_weights=[-1.2, 1.7],
    )
    graph = helper.make_graph(
        [tree],
        "xgboost",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, WIDTH])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
    )
    return _model(graph, {"": 15, "ai.onnx.ml": 3}, producer_name="OnnxMLTools")


def like_tensorflow() -> ModelProto:
    """Return a logistic unit as a converter of Keras writes it: MatMul, Add, Sigmoid, open width."""
    weights = [
        numpy_helper.from_array(np.array([[1.5], [-1.0], [0.4]], np.float32), "dense/kernel"),
        numpy_helper.from_array(np.array([0.05], np.float32), "dense/bias"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input_1", "dense/kernel"], ["m"]),
            helper.make_node("Add", ["m", "dense/bias"], ["s"]),
            helper.make_node("Sigmoid", ["s"], ["dense"]),
        ],
        "tf2onnx",
        [helper.make_tensor_value_info("input_1", TensorProto.FLOAT, ["unk__6", None])],
        [helper.make_tensor_value_info("dense", TensorProto.FLOAT, ["unk__7", 1])],
        weights,
    )
    return _model(graph, producer_name="tf2onnx")
