"""Why a row got its answer: what each input contributed, compared with a sample of reference rows.

Ways to find that out are imported from their modules: few requests ask for it, and it needs scikit-learn.
"""

from __future__ import annotations

from models_registry.explanations.base import (
    CannotExplain,
    Explainer,
    Explanation,
    Quantity,
    explain_rows,
)

__all__ = ["CannotExplain", "Explainer", "Explanation", "Quantity", "explain_rows"]
