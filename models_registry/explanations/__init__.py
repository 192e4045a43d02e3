"""Why a row got its answer: what each input contributed, compared with a sample of reference rows."""

from __future__ import annotations

from models_registry.explanations.base import (
    CannotExplain,
    Explainer,
    Explanation,
    Quantity,
    explain_rows,
)
from models_registry.explanations.choice import (
    REFERENCE_ROWS,
    ExplainerChoice,
    choose_explainer,
    reference_sample,
)
from models_registry.explanations.linear import LinearExplainer
from models_registry.explanations.permutation import PermutationExplainer
from models_registry.explanations.trees import TreeExplainer

__all__ = [
    "REFERENCE_ROWS",
    "CannotExplain",
    "Explainer",
    "ExplainerChoice",
    "Explanation",
    "LinearExplainer",
    "PermutationExplainer",
    "Quantity",
    "TreeExplainer",
    "choose_explainer",
    "explain_rows",
    "reference_sample",
]
