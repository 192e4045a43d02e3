"""A fitted recipe in front of a model, on the columns of a request: neither pandas nor scikit-learn's checks.

The steps of a recipe are functions of plain arrays; a pipeline wraps them into frames on both sides, which costs
milliseconds. Here the columns of a request go through the same functions, and what comes out is again a
columnar request, of another signature: the one that the rest of the pipeline was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.pipeline import Pipeline

from datasets.recipes import RecipeTransformer, Values, as_float32, values_as
from models_registry.runtimes.base import Runtime, Scores
from models_registry.signatures import Columns, Field, Signature


class FittedRecipe:
    """What a recipe makes of a request.

    Attributes
    ----------
    signature
        Of what comes out: numbers and text, each of which may be missing.
    """

    def __init__(self, recipe: RecipeTransformer, signature: Signature) -> None:
        self._recipe = recipe
        self._numeric = tuple(field.name for field in signature.numeric)
        self._text = tuple(field.name for field in signature.text)
        nothing = np.empty((0, len(self._numeric)))
        words = tuple(np.empty(0, dtype=object) for _ in self._text)
        made = recipe.apply(self._values(Columns(signature, nothing, words, 0)))
        self.signature = replace(
            signature,
            inputs=tuple(
                Field(name, "string" if column.dtype == object else "number", nullable=True)
                for name, column in made.columns.items()
            ),
        )

    def _values(self, columns: Columns) -> Values:
        """Return the columns as the steps take them, in the order in which the recipe was fitted."""
        # As in the frames that estimators are asked with: numbers were float32 before.
        numbers = columns.numeric.astype(np.float32).astype(np.float64).T
        found = {
            **dict(zip(self._numeric, numbers, strict=True)),
            **dict(zip(self._text, columns.text, strict=True)),
        }
        kinds = self._recipe.kinds_in_
        return Values(values_as({name: found[name] for name in kinds}, kinds), columns.row_count)

    def apply(self, columns: Columns) -> Columns:
        """Return the rows (n) after all steps."""
        made = self._recipe.apply(self._values(columns)).columns
        fields = self.signature.numeric
        numbers = np.empty((len(fields), columns.row_count))
        if fields:
            numbers = np.concatenate([made[field.name] for field in fields]).reshape(numbers.shape)
        return Columns(
            self.signature,
            as_float32(numbers.T).astype(np.float64, order="C"),
            tuple(made[field.name] for field in self.signature.text),
            columns.row_count,
        )


class BehindRecipe:
    """A runtime that is asked with what a recipe makes of the rows."""

    def __init__(self, recipe: FittedRecipe, runtime: Runtime) -> None:
        self._recipe = recipe
        self._runtime = runtime
        self.name = runtime.name

    def predict(self, columns: Columns) -> Scores:
        """Return the answers for these rows."""
        return self._runtime.predict(self._recipe.apply(columns))


@dataclass(frozen=True, slots=True)
class Parts:
    """A pipeline as its recipe, if it has one, and all that comes behind it.

    Attributes
    ----------
    pipeline, signature
        What comes behind the recipe, and the columns that it takes; without a recipe the pipeline itself.
    """

    recipe: FittedRecipe | None
    pipeline: Pipeline
    signature: Signature

    @classmethod
    def of(cls, pipeline: Pipeline, signature: Signature) -> Parts:
        """Take a fitted pipeline with the signature ``signature`` apart."""
        first = pipeline[0]
        if len(pipeline) < 2 or not isinstance(first, RecipeTransformer):
            return cls(None, pipeline, signature)
        recipe = FittedRecipe(first, signature)
        return cls(recipe, pipeline[1:], recipe.signature)

    def behind(self, runtime: Runtime) -> Runtime:
        """Return a runtime of what comes behind the recipe as one for requests as they are sent."""
        return runtime if self.recipe is None else BehindRecipe(self.recipe, runtime)
