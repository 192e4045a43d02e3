"""Kinds of steps in words and as JSON Schema."""

from __future__ import annotations

import inspect
from typing import Any

from datasets.recipes.steps import Step


def description_of(step: type[Step]) -> str:
    """Return what a kind of step does, as its documentation says it."""
    return " ".join((inspect.getdoc(step) or "").replace("``", "").split())


def schema_of(step: type[Step]) -> dict[str, Any]:
    """Return a JSON Schema of a step of this kind, as it is written in a recipe."""
    return {
        "type": "object",
        "properties": {
            "kind": {"const": step.kind},
            **{parameter.name: parameter.schema() for parameter in step.parameters},
        },
        "required": ["kind", *(one.name for one in step.parameters if one.is_required)],
        "additionalProperties": False,
    }
