"""Models in onnxruntime: one thread, float32."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from models_registry.runtimes.base import (
    CannotRun,
    Scores,
    scores_of_probabilities,
    scores_of_values,
)
from models_registry.runtimes.preparation import Preparation
from models_registry.signatures import Columns, Signature

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_INPUT = "rows"
_OPSET = {"": 18, "ai.onnx.ml": 3}


def convert(pipeline: Pipeline, width: int) -> bytes:
    """Return the final estimator of a pipeline as an ONNX model over prepared rows.

    Parameters
    ----------
    width
        Number of prepared columns.

    Raises
    ------
    CannotRun
        skl2onnx does not know the estimator, or fails on it.
    """
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    model = pipeline[-1]
    options: dict[int, dict[str, bool]] | None = None
    if hasattr(model, "classes_"):
        options = {id(model): {"zipmap": False}}
    elif hasattr(model, "score_samples"):
        options = {id(model): {"score_samples": True}}
    try:
        with warnings.catch_warnings():
            # The converter passes NumPy's integers where onnx deprecates them; the proof judges the result.
            warnings.simplefilter("ignore")
            converted = to_onnx(
                model,
                initial_types=[(_INPUT, FloatTensorType([None, width]))],
                options=options,
                target_opset=_OPSET,
            )
    except (MissingConverter, MissingShapeCalculator, RuntimeError, TypeError, ValueError) as error:
        raise CannotRun(f"skl2onnx cannot convert a {type(model).__name__}: {error}") from error
    data: bytes = converted.SerializeToString()
    return data


def open_session(model: bytes) -> Any:
    """Return a session of onnxruntime with one thread, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxRuntime:
    """The final estimator in onnxruntime, behind the prepared columns.

    The session is made at the first call: it starts a runtime of its own, which must not be used before a fork.
    """

    name = "onnx"

    def __init__(self, preparation: Preparation, signature: Signature, model: bytes) -> None:
        self._signature = signature
        self.preparation = preparation
        self._model = model
        self._session: Any = None
        self._lock = threading.Lock()
        self._outputs: list[str] = []

    def _ready_session(self) -> Any:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = self._open()
        return self._session

    def _open(self) -> Any:
        session = open_session(self._model)
        # The last output: probabilities of a classifier (its first is the label), value of a regressor, and
        # what ``score_samples`` of a detector of anomalies gives.
        self._outputs = [session.get_outputs()[-1].name]
        return session

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        session = self._ready_session()
        (result,) = session.run(self._outputs, {_INPUT: self.preparation.apply(columns)})
        numbers = np.asarray(result, dtype=np.float64)
        if self._signature.task == "anomaly":
            return scores_of_values(-numbers.reshape(-1))  # high is what is usual
        if self._signature.task == "regression":
            return scores_of_values(numbers.reshape(-1))
        return scores_of_probabilities(self._signature, numbers)
