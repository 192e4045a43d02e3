"""A constant answer in the place of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from models_registry.runtimes import Scores
from models_registry.signatures import Columns, Signature
from serving.routing.routes import LoadedModel


class ConstantRuntime:
    """Answers every row with the same class or value; a class is certain."""

    name = "constant"

    def __init__(self, signature: Signature, value: Any) -> None:
        self._value = value
        self._probabilities: list[float] | None = None
        if signature.classes is not None:
            self._probabilities = [float(one == value) for one in signature.classes]

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        labels = [self._value] * columns.row_count
        if self._probabilities is None:
            return Scores(labels, None)
        return Scores(labels, np.tile(self._probabilities, (columns.row_count, 1)))


def constant_model(signature: dict[str, Any], value: Any) -> LoadedModel:
    """Return what answers in the place of a version, with that version's signature."""
    read = Signature.from_dict(signature)
    return LoadedModel(read, ConstantRuntime(read, value))
