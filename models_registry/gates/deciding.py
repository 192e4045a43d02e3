"""Deciding: a number and a threshold become a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models_registry.gates.measurements import Difference, Measurements
from models_registry.gates.spec import HIGHER_IS_BETTER, GateSpec

#: Decimal fractions are not exact in binary: 0.9 - 0.8 falls short of 0.1 by 3e-17.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What a gate says.

    Attributes
    ----------
    value
        The number that it looked at; None when there was none, and then the gate did not pass.
    reason
        The comparison in words, for the reader.
    measured
        Whether there was something to judge; what was not measured has not passed.
    """

    passed: bool
    value: float | None
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    measured: bool = True


def decide(spec: GateSpec, measured: Measurements) -> GateVerdict:
    """Return the verdict of one gate; what was not measured does not pass.

    Values within 1e-12 of a threshold count as reaching it. A ``baseline`` gate wants a gain above
    zero even when its margin is zero.
    """
    if spec.kind == "metric":
        return _metric(spec, measured)
    if spec.kind == "baseline":
        return _baseline(spec, measured)
    return _difference(spec, measured.wire if spec.kind == "wire_parity" else measured.reload)


def is_passed(verdicts: Iterable[tuple[bool, bool]]) -> bool:
    """Whether all required gates passed, from pairs (required, passed).

    Without any required gate nothing was shown, so the answer is no.
    """
    required = [passed for is_required, passed in verdicts if is_required]
    return bool(required) and all(required)


def _metric(spec: GateSpec, measured: Measurements) -> GateVerdict:
    value = _number(measured.metrics.get(spec.metric))
    if value is None:
        return GateVerdict(False, None, f"'{spec.metric}' was not measured", measured=False)
    if spec.comparison == "gte":
        passed = value >= spec.threshold - ROUNDING
    else:
        passed = value <= spec.threshold + ROUNDING
    return GateVerdict(passed, value, f"{spec.metric} is {value:.4g}")


def _baseline(spec: GateSpec, measured: Measurements) -> GateVerdict:
    value = _number(measured.metrics.get(spec.metric))
    naive = _number(measured.baseline_metrics.get(spec.metric))
    if value is None or naive is None:
        return GateVerdict(
            False, value, f"'{spec.metric}' was not measured for both", measured=False
        )
    if spec.metric not in HIGHER_IS_BETTER:
        return GateVerdict(False, value, f"whether more '{spec.metric}' is better is not known")
    gain = value - naive if HIGHER_IS_BETTER[spec.metric] else naive - value
    reason = f"{value:.4g} against {naive:.4g} of the naive baseline"
    passed = gain > 0.0 and gain >= spec.threshold - ROUNDING
    return GateVerdict(passed, value, reason, {"baseline": naive, "gain": gain})


def _difference(spec: GateSpec, difference: Difference) -> GateVerdict:
    detail = {"rows": difference.rows, "label_mismatches": difference.mismatches}
    if difference.largest is None or difference.obstacle:
        reason = difference.obstacle or "nothing was compared"
        return GateVerdict(False, difference.largest, reason, detail)
    passed = difference.mismatches == 0 and difference.largest <= spec.threshold
    reason = (
        f"largest difference {difference.largest:.2g} on {difference.rows} rows, "
        f"{difference.mismatches} with another label"
    )
    return GateVerdict(passed, difference.largest, reason, detail)


def _number(value: Any) -> float | None:
    """Return a finite number as a float; None for everything else (truth values are no numbers)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    return float(value) if math.isfinite(value) else None
