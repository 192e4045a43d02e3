"""A logged prediction explained: what each input contributed, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models_registry.models import ModelVersion
from models_registry.signatures import columns_from_records
from serving.errors import NotExplainable
from serving.protocols import Explained
from serving.routing import routing
from serving.routing.explaining import explained

#: No more inputs get a bar of their own; the others share one.
_MOST_BARS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One input's contribution.

    Attributes
    ----------
    start, width
        Of the bar, in percent of the picture; zero is in the middle.
    """

    name: str
    value: str
    is_positive: bool
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class ExplainedPrediction:
    """Why a logged prediction came out as it did; the bars are ordered by size."""

    quantity: str
    spoken_of: str
    baseline: str
    output: str
    how: str
    bars: tuple[Bar, ...]


def explain_logged(version: ModelVersion, features: Mapping[str, Any]) -> ExplainedPrediction:
    """Explain a row of the log by the version that answered it.

    Raises
    ------
    NotExplainable
        The version is not in this process's memory, or has nothing to explain with.
    DomainError
        The row is not complete (redacted columns), or a file of the version cannot be read.
    """
    model = routing().model_of(version)
    if model is None or model.explaining is None:
        raise NotExplainable("The version does not answer now; only those that do are asked why.")
    columns = columns_from_records(model.signature, [features])
    explainer = model.explaining.ready_for(1)
    scores = model.runtime.predict(columns)
    return _shown(explained(explainer, columns, scores.labels))


def _shown(found: Explained) -> ExplainedPrediction:
    (row,) = found.rows
    ranked = sorted(row.contributions.items(), key=lambda one: -abs(one[1]))
    parts = ranked[:_MOST_BARS]
    others = ranked[_MOST_BARS:]
    if others:
        parts.append((f"{len(others)} others", sum(value for _, value in others)))
    largest = max((abs(value) for _, value in parts), default=0.0) or 1.0
    facts = found.facts
    how = "exact" if facts["exact"] else "estimated from random orders"
    return ExplainedPrediction(
        quantity=facts["quantity"],
        spoken_of="" if row.label is None else str(row.label),
        baseline=f"{row.baseline:.4g}",
        output=f"{row.output:.4g}",
        how=f"{how}, against {facts['reference_rows']} reference rows",
        bars=tuple(_bar(name, value, largest) for name, value in parts),
    )


def _bar(name: str, value: float, largest: float) -> Bar:
    width = round(50 * abs(value) / largest, 2)
    start = 50.0 if value >= 0 else 50 - width
    return Bar(name, f"{value:+.4g}", value >= 0, start, width)
