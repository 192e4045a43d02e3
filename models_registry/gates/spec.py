"""Conditions that a version must meet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["metric", "baseline", "wire_parity", "serialization"]
Comparison = Literal["gte", "lte"]

#: The metrics of each task, and whether more of them is better.
DIRECTIONS: Mapping[str, Mapping[str, bool]] = {
    "classification": {
        "accuracy": True,
        "balanced_accuracy": True,
        "f1": True,
        "precision": True,
        "recall": True,
        "roc_auc": True,
        "average_precision": True,
        "log_loss": False,
        "brier": False,
    },
    "regression": {
        "r2": True,
        "rmse": False,
        "mse": False,
        "mae": False,
        "median_absolute_error": False,
        "max_error": False,
        "mape": False,
    },
    "anomaly": {
        "roc_auc": True,
        "average_precision": True,
        "stability": True,
    },
}

#: In which direction a metric improves, whatever the task.
HIGHER_IS_BETTER: Mapping[str, bool] = {
    metric: higher for metrics in DIRECTIONS.values() for metric, higher in metrics.items()
}

_SIGNS: Mapping[str, str] = {"gte": "≥", "lte": "≤"}
_OF_METRICS = ("metric", "baseline")


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """Why a condition makes no sense; ``field`` is the part that is to blame."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A condition on what was measured.

    Attributes
    ----------
    kind
        ``metric``: a metric against a bound. ``baseline``: a metric against that of a naive model
        on the same rows. ``wire_parity``: the answers of the chosen runtime behind the wire against
        the pipeline's own. ``serialization``: the answers of the stored and loaded pipeline against
        its own.
    comparison
        Matters for ``metric`` only; a metric's direction decides for ``baseline``, and a difference
        must always be at most its threshold.
    threshold
        For ``metric`` the bound itself; for ``baseline`` the margin by which the model must be
        better; for the other two the largest difference allowed.
    """

    kind: Kind
    metric: str = ""
    comparison: Comparison = "gte"
    threshold: float = 0.0

    @property
    def name(self) -> str:
        """The condition in one line, for tables."""
        if self.kind == "metric":
            return f"{self.metric} {_SIGNS[self.comparison]} {self.threshold:g}"
        if self.kind == "baseline":
            margin = f" by {self.threshold:g}" if self.threshold else ""
            return f"{self.metric} better than naive baseline{margin}"
        if self.kind == "wire_parity":
            return "Same answers through the wire"
        return "Same answers after storing and loading"

    def problems(self) -> tuple[SpecProblem, ...]:
        """Return what is wrong with the condition itself; nothing when it makes sense."""
        found: list[SpecProblem] = []
        if self.kind in _OF_METRICS and not self.metric:
            found.append(SpecProblem("metric", "This kind of gate needs the name of a metric."))
        if self.kind not in _OF_METRICS and self.metric:
            found.append(SpecProblem("metric", "This kind of gate looks at no metric."))
        if self.kind == "baseline" and self.metric and self.metric not in HIGHER_IS_BETTER:
            known = ", ".join(sorted(HIGHER_IS_BETTER))
            found.append(
                SpecProblem("metric", f"Its direction is not known; choose one of {known}.")
            )
        if not math.isfinite(self.threshold):
            found.append(SpecProblem("threshold", "The threshold must be a finite number."))
        elif self.kind != "metric" and self.threshold < 0:
            found.append(SpecProblem("threshold", "This threshold must not be negative."))
        return tuple(found)


_SAME_ANSWERS = (
    GateSpec("wire_parity", comparison="lte", threshold=1e-5),
    GateSpec("serialization", comparison="lte", threshold=1e-9),
)

#: What a new model starts with, by its task.
DEFAULT_GATES: Mapping[str, tuple[GateSpec, ...]] = {
    "classification": (
        GateSpec("baseline", "log_loss", "lte", 0.0),
        GateSpec("metric", "roc_auc", "gte", 0.6),
        *_SAME_ANSWERS,
    ),
    "regression": (
        GateSpec("baseline", "rmse", "lte", 0.0),
        GateSpec("metric", "r2", "gte", 0.1),
        *_SAME_ANSWERS,
    ),
    "anomaly": (GateSpec("metric", "stability", "gte", 0.5), *_SAME_ANSWERS),
}

#: What comes on top where some anomalies are known: ranked better than by chance, and well enough.
GATES_OF_KNOWN_ANOMALIES: tuple[GateSpec, ...] = (
    GateSpec("baseline", "average_precision", "lte", 0.0),
    GateSpec("metric", "roc_auc", "gte", 0.6),
)
