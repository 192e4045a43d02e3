"""Gates: measured first, decided afterwards, by pure functions.

Measuring is in :mod:`.measuring`, which only the processes that have a model to measure load.
"""

from __future__ import annotations

from models_registry.gates.deciding import GateVerdict, decide, is_passed
from models_registry.gates.measurements import Difference, Measurements
from models_registry.gates.spec import (
    DEFAULT_GATES,
    DIRECTIONS,
    GATES_OF_KNOWN_ANOMALIES,
    HIGHER_IS_BETTER,
    GateSpec,
    SpecProblem,
)

__all__ = [
    "DEFAULT_GATES",
    "DIRECTIONS",
    "GATES_OF_KNOWN_ANOMALIES",
    "HIGHER_IS_BETTER",
    "Difference",
    "GateSpec",
    "GateVerdict",
    "Measurements",
    "SpecProblem",
    "decide",
    "is_passed",
]
