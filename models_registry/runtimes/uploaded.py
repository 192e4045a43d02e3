"""An uploaded ONNX graph in onnxruntime: columns to its tensors, its outputs to answers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.errors import Invalid
from models_registry.runtimes.base import FloatArray, Scores, no_scores
from models_registry.runtimes.onnx import open_session
from models_registry.signatures import Columns, Signature

Meaning = Literal["probability", "logit", "value", "anomaly", "normality"]


class RowsNotComputed(Invalid):
    """The graph gives no usable answer to rows that fit the signature."""

    code = "rows_not_computed"
    title = "The model cannot compute these rows"


@dataclass(frozen=True, slots=True)
class BoundInput:
    """A tensor that the graph takes.

    Attributes
    ----------
    columns
        Names of the columns that it is made of, in order.
    rank
        1 for a tensor of shape (n,), 2 for (n, number of columns).
    """

    name: str
    type: str
    columns: tuple[str, ...]
    rank: int


@dataclass(frozen=True, slots=True)
class Binding:
    """Which columns become which tensors, and which outputs are the answer.

    Attributes
    ----------
    labels
        The output with the predicted classes; empty: the class with the largest score.
    label_values
        What that output calls the classes, in the order of the scores.
    map_keys
        Keys of the scores, in order, where they come as a map for each row; empty where they are a tensor.
    meaning
        Whether scores are probabilities, logits (then the softmax of them is taken, or of one per row the
        logistic function), a regressor's values, or scores that are high for what is unusual or for what is
        usual (then they are negated).
    """

    inputs: tuple[BoundInput, ...]
    scores: str
    meaning: Meaning
    labels: str = ""
    label_values: tuple[Any, ...] = ()
    map_keys: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the binding as JSON-compatible values."""
        return {
            **asdict(self),
            "inputs": [{**asdict(one), "columns": list(one.columns)} for one in self.inputs],
            "label_values": list(self.label_values),
            "map_keys": list(self.map_keys),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Binding:
        """Return the binding that :meth:`to_dict` wrote."""
        return cls(
            inputs=tuple(
                BoundInput(one["name"], one["type"], tuple(one["columns"]), one["rank"])
                for one in value["inputs"]
            ),
            scores=value["scores"],
            meaning=value["meaning"],
            labels=value["labels"],
            label_values=tuple(value["label_values"]),
            map_keys=tuple(value["map_keys"]),
        )


class UploadedRuntime:
    """The graph as it was sent.

    The session is made at the first call: it starts a runtime of its own, which must not be used before a fork.
    """

    name = "uploaded"

    def __init__(self, signature: Signature, model: bytes, binding: Binding) -> None:
        self._signature = signature
        self._model = model
        self._binding = binding
        self._session: Any = None
        self._lock = threading.Lock()
        self._outputs = [binding.scores, *([binding.labels] if binding.labels else [])]
        classes = signature.classes or ()
        self._classes = dict(zip(binding.label_values, classes, strict=False))
        numeric = {field.name: at for at, field in enumerate(signature.numeric)}
        text = {field.name: at for at, field in enumerate(signature.text)}
        self._numeric = {
            one.name: np.array([numeric[name] for name in one.columns], dtype=np.intp)
            for one in binding.inputs
            if one.type != "string"
        }
        self._text = {
            one.name: [text[name] for name in one.columns]
            for one in binding.inputs
            if one.type == "string"
        }
        whole = np.arange(len(signature.numeric))
        self._is_whole = {
            name: np.array_equal(places, whole) for name, places in self._numeric.items()
        }

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows.

        Raises
        ------
        RowsNotComputed
            The graph fails on them, or answers something that is no finite number or no known class.
        """
        count = columns.row_count
        if count == 0:
            return no_scores(self._signature)
        session = self._ready_session()
        try:
            found = session.run(self._outputs, self._feeds(columns))
        except Exception as error:  # onnxruntime's errors have no common class of their own
            said = " ".join(str(error).split()).rpartition(" : ")[2][:200]
            raise RowsNotComputed(f"The model cannot compute these rows: {said}") from error
        numbers = self._numbers(found[0], count)
        if self._signature.classes is None:
            values = -numbers[:, 0] if self._binding.meaning == "normality" else numbers[:, 0]
            return Scores(values.tolist(), None)
        probabilities = self._probabilities(numbers)
        if not self._binding.labels:
            best = probabilities.argmax(axis=1).tolist()
            return Scores([self._signature.classes[at] for at in best], probabilities)
        said_labels = np.asarray(found[1]).reshape(-1).tolist()
        try:
            return Scores([self._classes[label] for label in said_labels], probabilities)
        except KeyError as error:
            raise RowsNotComputed(
                f"The model answers a class that it did not name: {error}"
            ) from None

    def _ready_session(self) -> Any:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = open_session(self._model)
        return self._session

    def _feeds(self, columns: Columns) -> dict[str, npt.NDArray[Any]]:
        feeds: dict[str, npt.NDArray[Any]] = {}
        for one in self._binding.inputs:
            block: npt.NDArray[Any]
            if one.type == "string":
                block = np.empty((columns.row_count, len(one.columns)), dtype=object)
                for at, place in enumerate(self._text[one.name]):
                    block[:, at] = columns.text[place]
            elif self._is_whole[one.name]:
                block = columns.numeric.astype(one.type)
            else:
                block = columns.numeric[:, self._numeric[one.name]].astype(one.type)
            feeds[one.name] = block.reshape(-1) if one.rank == 1 else block
        return feeds

    def _numbers(self, answer: Any, count: int) -> FloatArray:
        """Return the scores as an array of shape (n, width), all finite."""
        keys = self._binding.map_keys
        if keys:
            answer = [[row[key] for key in keys] for row in answer]
        numbers = np.asarray(answer, dtype=np.float64)
        if len(numbers) != count:
            raise RowsNotComputed(
                f"The model gives {len(numbers)} answers to {count} rows: it cannot be asked in batches."
            )
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers.reshape(count, -1)).all(axis=1))[0])
            raise RowsNotComputed(f"row {row}: the model's answer is no finite number.")
        return numbers.reshape(count, -1)

    def _probabilities(self, numbers: FloatArray) -> FloatArray:
        is_logit = self._binding.meaning == "logit"
        if numbers.shape[1] == 1:
            positive = 1.0 / (1.0 + np.exp(-np.clip(numbers, -700, 700))) if is_logit else numbers
            return np.column_stack([1.0 - positive[:, 0], positive[:, 0]])
        if is_logit:
            shifted = np.exp(numbers - numbers.max(axis=1, keepdims=True))
            return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
        return numbers
