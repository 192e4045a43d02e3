"""Which input each column belongs to that a model sees in the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from datasets.recipes import RecipeTransformer, build_steps, plan_of
from models_registry.explanations.base import CannotExplain
from models_registry.runtimes.preparation import Preparation
from models_registry.runtimes.recipes import Parts
from models_registry.signatures import Signature

Places = npt.NDArray[np.intp]


def owners_of_inputs(pipeline: Pipeline, signature: Signature, parts: Parts) -> Places:
    """Return for each column behind the recipe the place of the input that it is made of, shape (columns,).

    Without a recipe a column is the input itself. A constant is given to the first input: it never differs, so
    it contributes nothing.

    Raises
    ------
    CannotExplain
        A column is made of several inputs, so that its contribution cannot be given to one of them.
    """
    places = {name: place for place, name in enumerate(signature.names)}
    if parts.recipe is None:
        return np.arange(len(places))
    recipe: RecipeTransformer = pipeline[0]
    plan = plan_of(build_steps(recipe.steps), recipe.kinds_in_)
    found = []
    for name in parts.signature.names:
        sources = plan.find(name, "columns").sources
        if len(sources) > 1:
            raise CannotExplain(f"'{name}' is made of {', '.join(sorted(sources))}")
        found.append(next((places[one] for one in sources), 0))
    return np.array(found, dtype=np.intp)


def owners_of_prepared(
    preparation: Preparation, signature: Signature, owners: Sequence[int] | Places
) -> Places:
    """Return for each prepared column the place of the input that it is made of, shape (width,).

    Parameters
    ----------
    signature
        Of the columns that are prepared; ``owners`` says to which input each of them belongs.
    """
    numeric = [place for place, field in enumerate(signature.inputs) if field.is_numeric]
    text = [place for place, field in enumerate(signature.inputs) if not field.is_numeric]
    found = np.zeros(preparation.width, dtype=np.intp)
    for block in preparation.numeric:
        found[block.target] = [owners[numeric[source]] for source in block.sources]
    for piece in preparation.text:
        found[piece.target] = owners[text[piece.source]]
    return found
