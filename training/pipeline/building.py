"""Building a pipeline for an estimator's family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from datasets.recipes import Folding, RecipeTransformer
from models_registry.signatures import Signature, infer_signature
from models_registry.signatures.signature import Task
from training.estimators import Estimator, build_estimator

#: A one-hot encoder keeps this many categories of a column; rarer ones share one place.
_MOST_CATEGORIES = 100


def build_pipeline(
    entry: Estimator, *, task: Task, params: Mapping[str, Any], seed: int, signature: Signature
) -> Pipeline:
    """Return an unfitted pipeline for frames of this signature.

    Numeric columns arrive as float32. They are filled with the median (linear, forest) and scaled
    (linear only: a scaler before trees moves their thresholds between float32 and float64); boosting takes
    missing values as they are. Each text column has an encoder of its own.
    """
    numeric = [field.name for field in signature.numeric]
    parts: list[tuple[str, Any, list[str]]] = []
    if numeric:
        parts.append(("numeric", _numeric(entry), numeric))
    parts.extend(
        (f"text_{index}", _text(entry), [field.name]) for index, field in enumerate(signature.text)
    )
    columns = ColumnTransformer(parts, remainder="drop", verbose_feature_names_out=False)
    return Pipeline([("columns", columns), ("model", build_estimator(entry, task, params, seed))])


def fit_pipeline(
    entry: Estimator,
    frame: pd.DataFrame,
    target: npt.NDArray[Any] | None,
    *,
    task: Task,
    params: Mapping[str, Any],
    seed: int,
    signature: Signature,
    steps: Sequence[Mapping[str, Any]] = (),
    moments: Sequence[str] = (),
    folding: Folding | None = None,
) -> Pipeline:
    """Return a pipeline that was fitted on these rows only; the steps of a recipe come first.

    A recipe is fitted before what follows is built: which columns it makes is known only then. Its training
    rows go on as :meth:`~datasets.recipes.RecipeTransformer.fit_transform` gives them, targets encoded
    crosswise.

    Parameters
    ----------
    folding
        How these rows are cut for that, as the training's split does; at random, when absent.
    """
    if not steps:
        pipeline = build_pipeline(entry, task=task, params=params, seed=seed, signature=signature)
        return pipeline.fit(frame, target)
    recipe = RecipeTransformer(list(steps), list(moments))
    made = recipe.fit_transform(frame, target, folding=folding)
    rest = build_pipeline(
        entry,
        task=task,
        params=params,
        seed=seed,
        signature=infer_signature(made, task=task),
    ).fit(made, target)
    return Pipeline([("recipe", recipe), *rest.steps])


def _numeric(entry: Estimator) -> Any:
    if entry.family == "boosting":
        return "passthrough"
    fill = ("fill", SimpleImputer(strategy="median", keep_empty_features=True))
    if entry.family == "linear":
        return Pipeline([fill, ("scale", StandardScaler())])
    return Pipeline([fill])


def _text(entry: Estimator) -> Any:
    if entry.family == "boosting":
        return OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32
        )
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=_MOST_CATEGORIES,
        sparse_output=False,
        dtype=np.float32,
    )
