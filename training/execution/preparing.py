"""Which columns a training takes from its rows, and in which form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from datasets.recipes import (
    Kind,
    build_steps,
    moment_texts,
    needed_columns,
    read_columns,
    steps_for,
)
from training.errors import FeaturesRefused
from training.execution.spec import TrainingSpec
from training.pipeline import ColumnChoice, DroppedColumn, choose_columns


@dataclass(frozen=True, slots=True)
class Prepared:
    """The raw input columns of a model: what clients will send.

    Attributes
    ----------
    frame
        The columns, moments as text in ISO 8601.
    moments
        The columns that hold moments.
    steps
        Of the recipe, for rows that have only these columns.
    """

    frame: pd.DataFrame
    choice: ColumnChoice
    moments: tuple[str, ...]
    steps: tuple[dict[str, Any], ...] = ()


def prepare_columns(spec: TrainingSpec, frame: pd.DataFrame, types: Mapping[str, str]) -> Prepared:
    """Return the columns to learn from; with a recipe, those that it looks at and those that it lets through.

    Columns that a step looks at are never left out, whatever they hold; moments are there for a recipe only.

    Raises
    ------
    FeaturesRefused
        No column is left.
    datasets.errors.RecipeRefused
        The recipe does not fit the columns.
    """
    moments = tuple(
        name
        for name in spec.features
        if pd.api.types.is_datetime64_any_dtype(frame[name].dtype) or types.get(name) == "timestamp"
    )
    steps: list[dict[str, Any]] = []
    if spec.recipe is None:
        choice = choose_columns(frame, spec.features, types)
    else:
        kinds = {name: _kind(frame[name], name in moments) for name in spec.features}
        choice = _chosen_with_recipe(spec, frame, types, kinds)
        steps = steps_for(spec.steps, kinds, choice.features)
    if not choice.features:
        raise FeaturesRefused("No column is left to learn from.", field="features")
    chosen = frame[list(choice.features)]
    kept = tuple(name for name in moments if name in choice.features)
    if kept:
        chosen = chosen.assign(**{name: _texts(chosen[name]) for name in kept})
    return Prepared(chosen, choice, kept, tuple(steps))


def _texts(column: pd.Series) -> pd.Series:
    """Return moments as text, None where missing."""
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    texts = pd.Series(moment_texts(column), index=column.index, dtype=object)
    return texts.where(texts != "", None)


def _chosen_with_recipe(
    spec: TrainingSpec,
    frame: pd.DataFrame,
    types: Mapping[str, str],
    kinds: Mapping[str, Kind],
) -> ColumnChoice:
    steps = build_steps(spec.steps)
    looked_at = read_columns(steps, kinds)
    needed = needed_columns(steps, kinds)
    plain = choose_columns(
        frame, [name for name in spec.features if name in needed - looked_at], types
    )
    kept = looked_at | set(plain.features)
    unused = [
        DroppedColumn(name, "the recipe leaves it out")
        for name in spec.features
        if name not in needed and name not in looked_at
    ]
    return ColumnChoice(
        tuple(name for name in spec.features if name in kept), (*plain.dropped, *unused)
    )


def _kind(column: pd.Series, is_moment: bool) -> Kind:
    if is_moment:
        return Kind.MOMENT
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Kind.NUMBER
    present = column.dropna()
    is_truth = len(present) > 0 and all(isinstance(one, bool) for one in present)
    return Kind.NUMBER if is_truth else Kind.TEXT
