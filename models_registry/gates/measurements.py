"""What gates look at: numbers with their circumstances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two computations of the same answers are apart.

    Attributes
    ----------
    largest
        Of a probability (absolute) or a value (relative to max(1, |value|)); None when it could not
        be computed.
    mismatches
        Rows that got another label.
    obstacle
        Why it could not be computed, or does not count.
    """

    largest: float | None
    mismatches: int = 0
    rows: int = 0
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that gates look at.

    Attributes
    ----------
    metrics, baseline_metrics
        Of the model and of a naive model on the same held-out rows.
    wire
        Between the pipeline's own answers and those of the chosen runtime behind the wire.
    reload
        Between the pipeline and its copy that was stored and loaded again.
    """

    metrics: Mapping[str, Any]
    baseline_metrics: Mapping[str, Any]
    wire: Difference
    reload: Difference
