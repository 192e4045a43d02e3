"""Models in onnxruntime: float32, one thread, or several for many rows."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models_registry.runtimes.base import (
    CannotRun,
    FloatArray,
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

#: From so many rows on a request is worth several threads, where there are some.
MANY_ROWS = 256
#: Each number of threads has a session, and so a copy of the model, of its own: of large models there is only one.
_LARGEST_TWICE = 32 * 1024**2


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


def open_session(model: bytes, threads: int = 1) -> Any:
    """Return a session of onnxruntime on the processor; its threads sleep while they have nothing to do."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxRuntime:
    """The final estimator in onnxruntime, behind the prepared columns.

    The session is made at the first call: it starts a runtime of its own, which must not be used before a fork.

    Parameters
    ----------
    threads_for_many
        How many threads compute :data:`MANY_ROWS` and more; fewer rows are computed by one.
    """

    name = "onnx"

    def __init__(
        self,
        preparation: Preparation,
        signature: Signature,
        model: bytes,
        *,
        threads_for_many: int = 1,
    ) -> None:
        self._threads_for_many = threads_for_many if len(model) <= _LARGEST_TWICE else 1
        self._signature = signature
        self._classes = signature.classes
        self.preparation = preparation
        self._model = model
        self._session: Any = None
        self._session_for_many: Any = None
        self._lock = threading.Lock()
        self._outputs: list[str] = []
        self._of_one: list[_OneRow] = []

    def _ready_session(self) -> Any:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = self._open()
        return self._session

    def _ready_session_for_many(self) -> Any:
        if self._session_for_many is None:
            with self._lock:
                if self._session_for_many is None:
                    self._session_for_many = open_session(self._model, self._threads_for_many)
        return self._session_for_many

    def _open(self) -> Any:
        session = open_session(self._model)
        # The last output: probabilities of a classifier (its first is the label), value of a regressor, and
        # what ``score_samples`` of a detector of anomalies gives.
        self._outputs = [session.get_outputs()[-1].name]
        return session

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        session = self._session or self._ready_session()
        rows = self.preparation.apply(columns)
        if columns.row_count == 1:
            numbers = self._ask_for_one(session, rows)
            if self._classes is not None:
                return Scores([self._classes[numbers.argmax()]], numbers)
        else:
            if len(rows) >= MANY_ROWS and self._threads_for_many > 1:
                session = self._ready_session_for_many()
            (result,) = session.run(self._outputs, {_INPUT: rows})
            numbers = np.asarray(result, dtype=np.float64)
        if self._signature.task == "anomaly":
            return scores_of_values(-numbers.reshape(-1))  # high is what is usual
        if self._signature.task == "regression":
            return scores_of_values(numbers.reshape(-1))
        return scores_of_probabilities(self._signature, numbers)

    def _ask_for_one(self, session: Any, rows: npt.NDArray[np.float32]) -> FloatArray:
        try:
            place = self._of_one.pop()  # one step for all threads
        except IndexError:
            (result,) = session.run(self._outputs, {_INPUT: rows})
            self._of_one.append(_OneRow(session, rows, self._outputs[0], result))
            return np.asarray(result, dtype=np.float64)
        numbers = place.ask(rows)
        self._of_one.append(place)
        return numbers


class _OneRow:
    """Memory for one row and its answer, which a session reads and writes: making both anew costs as much as the model.

    Used by one thread at a time.
    """

    def __init__(
        self, session: Any, row: npt.NDArray[np.float32], output: str, answer: npt.NDArray[Any]
    ) -> None:
        import onnxruntime

        # Without options a run makes its own; without this entry it looks for it in vain, which costs an exception.
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("gpu_graph_id", "-1")
        self._row = np.array(row, order="C")
        self._answer = np.array(answer, order="C")
        self._run = session.run_with_iobinding
        self._binding = session.io_binding()
        self._binding.bind_cpu_input(_INPUT, self._row)
        kind, shape, place = self._answer.dtype, self._answer.shape, self._answer.ctypes.data
        self._binding.bind_output(output, "cpu", 0, kind, shape, place)

    def ask(self, row: npt.NDArray[np.float32]) -> FloatArray:
        """Return the answer to a row of shape (1, width)."""
        self._row[...] = row
        self._run(self._binding, self._options)
        return self._answer.astype(np.float64)
