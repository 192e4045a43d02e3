"""Preprocessing recipes: ordered steps from a typed list, as scikit-learn transformers without any database."""

from __future__ import annotations

from datasets.recipes.reading import (
    build_steps,
    checked_steps,
    columns_at,
    needed_columns,
    plan_of,
    plans_of,
    read_columns,
    steps_for,
)
from datasets.recipes.recipe import RecipeTransformer
from datasets.recipes.steps import STEP_KINDS, Step
from datasets.recipes.steps.base import Folding
from datasets.recipes.values import (
    Kind,
    Values,
    as_float32,
    kinds_of_types,
    moment_texts,
    values_as,
)

__all__ = [
    "STEP_KINDS",
    "Folding",
    "Kind",
    "RecipeTransformer",
    "Step",
    "Values",
    "as_float32",
    "build_steps",
    "checked_steps",
    "columns_at",
    "kinds_of_types",
    "moment_texts",
    "needed_columns",
    "plan_of",
    "plans_of",
    "read_columns",
    "steps_for",
    "values_as",
]
