"""Any model: contributions estimated by replacing inputs in random orders."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models_registry.explanations.base import FloatArray, Quantity
from models_registry.runtimes import Runtime
from models_registry.signatures import Columns, Signature

_SEED = 20_240
#: Rows that the model is asked at once.
_AT_ONCE = 4096


class PermutationExplainer:
    """Shapley values, estimated from random orders of the inputs.

    Each reference row gets a random order and, to let errors cancel, its reverse. Along an order the inputs of
    the reference row are replaced by those of the row, one after the other; what the output changes by is given
    to the input that was replaced. With m reference rows and d inputs the model answers ``2·m·(d - 1) + 1``
    times for a row. The orders are fixed, so that a row has one explanation.

    Along every order the changes add up to ``f(x) - f(r)``, and each reference row is used equally often: so the
    contributions add up exactly to ``f(x) - baseline``, whatever the error of each. (Štrumbelj and Kononenko,
    2014, algorithm 1; for antithetic orders Mitchell, Cooper, Frank and Holmes, 2022, "Sampling permutations for
    Shapley value estimation", JMLR 23(43), section 2.)

    What is divided are probabilities or the value of a regression.
    """

    method = "permutation"

    def __init__(self, runtime: Runtime, signature: Signature, reference: Columns) -> None:
        self._runtime = runtime
        self._reference = reference
        count, width = reference.row_count, len(signature.inputs)
        self.quantity: Quantity = "value" if signature.classes is None else "probability"
        # With two inputs or fewer the two orders of a pair are all that there are.
        self.is_exact = width <= 2
        self.reference_rows = count
        self.evaluations_per_row = 2 * count * (width - 1) + 1
        self._numeric = [at for at, field in enumerate(signature.inputs) if field.is_numeric]
        self._text = [at for at, field in enumerate(signature.inputs) if not field.is_numeric]
        rng = np.random.default_rng(_SEED)
        forward = np.array([rng.permutation(width) for _ in range(count)]).reshape(count, width)
        orders = np.concatenate([forward, forward[:, ::-1]])
        #: In each order (2·m, d): when is which input replaced?
        self._turns: npt.NDArray[np.intp] = np.argsort(orders, axis=1)
        self._of_reference = np.tile(np.arange(count), 2)
        self._at_reference = runtime.predict(reference).scores
        self.baseline: FloatArray = self._at_reference.mean(axis=0)

    def contributions(self, columns: Columns) -> FloatArray:
        """Return the contributions for n rows, shape (n, inputs, outputs)."""
        outputs = self._runtime.predict(columns).scores
        rows = [self._of_row(columns, row, outputs[row]) for row in range(columns.row_count)]
        return np.array(rows).reshape(columns.row_count, self._turns.shape[1], len(self.baseline))

    def _of_row(self, columns: Columns, row: int, output: FloatArray) -> FloatArray:
        orders, width = self._turns.shape
        steps = np.arange(1, width)
        #: Whether an input is the row's own: by order, step and input.
        own = (self._turns[:, None, :] < steps[:, None]).reshape(-1, width)
        between = self._answers(columns, row, own).reshape(orders, width - 1, len(output))
        along = np.concatenate(
            [
                self._at_reference[self._of_reference][:, None, :],
                between,
                np.broadcast_to(output, (orders, 1, len(output))),
            ],
            axis=1,
        )
        changes = np.diff(along, axis=1)
        given = np.take_along_axis(changes, self._turns[:, :, None], axis=1)
        mean: FloatArray = given.mean(axis=0)
        return mean

    def _answers(self, columns: Columns, row: int, own: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the model's scores for mixtures of a row and reference rows, shape (mixtures, outputs)."""
        repeats = len(own) // len(self._of_reference)
        others = np.repeat(self._of_reference, repeats)
        found = [np.empty((0, len(self.baseline)))]
        for start in range(0, len(own), _AT_ONCE):
            part, rows = own[start : start + _AT_ONCE], others[start : start + _AT_ONCE]
            numeric = np.where(
                part[:, self._numeric], columns.numeric[row], self._reference.numeric[rows]
            )
            text = []
            for place, at in enumerate(self._text):
                column = self._reference.text[place][rows]
                column[part[:, at]] = columns.text[place][row]
                text.append(column)
            mixed = Columns(columns.signature, numeric, tuple(text), len(part))
            found.append(self._runtime.predict(mixed).scores)
        return np.concatenate(found)
