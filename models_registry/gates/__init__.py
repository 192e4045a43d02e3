"""Gates: measured first, decided afterwards, by pure functions."""

from __future__ import annotations

from models_registry.gates.deciding import GateVerdict, decide, is_passed
from models_registry.gates.measuring import (
    Difference,
    Measurements,
    measure_difference,
    own_answers,
)
from models_registry.gates.spec import (
    DEFAULT_GATES,
    DIRECTIONS,
    HIGHER_IS_BETTER,
    GateSpec,
    SpecProblem,
)

__all__ = [
    "DEFAULT_GATES",
    "DIRECTIONS",
    "HIGHER_IS_BETTER",
    "Difference",
    "GateSpec",
    "GateVerdict",
    "Measurements",
    "SpecProblem",
    "decide",
    "is_passed",
    "measure_difference",
    "own_answers",
]
