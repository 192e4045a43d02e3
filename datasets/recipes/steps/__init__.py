"""The kinds of steps, one file for each family."""

from __future__ import annotations

from collections.abc import Mapping

from datasets.recipes.steps.base import Step
from datasets.recipes.steps.categories import OneHot, Ordinal
from datasets.recipes.steps.clipping import Clip
from datasets.recipes.steps.columns import Cast, Drop, Rename, Select
from datasets.recipes.steps.dates import DateParts
from datasets.recipes.steps.filling import Fill
from datasets.recipes.steps.formulas import Expression
from datasets.recipes.steps.hashing import TextHash
from datasets.recipes.steps.scaling import Scale
from datasets.recipes.steps.target_encoding import TargetEncoding

#: The list that recipes choose from, by the name that they write.
STEP_KINDS: Mapping[str, type[Step]] = {
    one.kind: one
    for one in (
        Select,
        Drop,
        Rename,
        Cast,
        Fill,
        Clip,
        OneHot,
        Ordinal,
        TargetEncoding,
        Scale,
        DateParts,
        TextHash,
        Expression,
    )
}

__all__ = ["STEP_KINDS", "Step"]
