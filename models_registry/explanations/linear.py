"""Linear models: coefficient times distance from the mean."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline

from models_registry.explanations.base import CannotExplain, FloatArray, Quantity
from models_registry.explanations.owners import owners_of_inputs
from models_registry.runtimes import CannotRun
from models_registry.runtimes.linear import AffineMap, LinearRuntime
from models_registry.runtimes.recipes import Parts
from models_registry.signatures import Columns, Signature


class LinearExplainer:
    """The Shapley values of a linear model: ``w·(z - mean z)``, where z are the columns made of an input.

    z is what the preparation makes of an input (filled, scaled, one-hot), and the mean is that of the reference
    rows. Exact, since no input changes what another one adds. (Štrumbelj and Kononenko, 2014, "Explaining
    prediction models and individual predictions with feature contributions", section 3.)

    What is divided is the value of a regression, and the margin of a classifier.
    """

    method = "linear"
    is_exact = True
    evaluations_per_row = 0

    def __init__(self, pipeline: Pipeline, signature: Signature, reference: Columns) -> None:
        parts = Parts.of(pipeline, signature)
        try:
            self._model = LinearRuntime(
                AffineMap.of(parts.pipeline, parts.signature), parts.signature
            )
        except CannotRun as error:
            raise CannotExplain(str(error)) from error
        self._recipe = parts.recipe
        owners = owners_of_inputs(pipeline, signature, parts)
        #: Which column behind the recipe belongs to which input, shape (inputs, columns).
        self._owned = (owners == np.arange(len(signature.inputs))[:, None]).astype(np.float64)
        self.quantity: Quantity = "value" if signature.task == "regression" else "margin"
        self.reference_rows = reference.row_count
        terms = self._terms(reference)
        self._mean: FloatArray = terms.mean(axis=0)
        self.baseline: FloatArray = self._model.bias + self._mean.sum(axis=0)

    def _terms(self, columns: Columns) -> FloatArray:
        """Return what each input adds to the outputs, shape (n, inputs, outputs)."""
        given = columns if self._recipe is None else self._recipe.apply(columns)
        terms: FloatArray = self._owned @ self._model.terms(given)
        return terms

    def contributions(self, columns: Columns) -> FloatArray:
        """Return the contributions for n rows, shape (n, inputs, outputs)."""
        return self._terms(columns) - self._mean
