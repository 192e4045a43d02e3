"""Metrics as a person reads them: one line for each, with what cross-validation says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_CROSS_VALIDATED = "cv_"
_DEVIATION = "_std"
_FOLD = "fold_"


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A metric, ready to be shown."""

    name: str
    value: str
    cross_validated: str


def metric_lines(metrics: Mapping[str, float | None]) -> list[MetricLine]:
    """Return a line for each metric; those of single folds are left out, ``cv_*`` stands beside its metric.

    Examples
    --------
    >>> metric_lines({"f1": 0.5, "cv_f1": 0.25, "cv_f1_std": 0.125, "fold_f1": 0.3})
    [MetricLine(name='f1', value='0.5', cross_validated='0.25 ± 0.125')]
    """
    lines = []
    for name, value in metrics.items():
        if name.startswith((_CROSS_VALIDATED, _FOLD)):
            continue
        mean = metrics.get(f"{_CROSS_VALIDATED}{name}")
        deviation = metrics.get(f"{_CROSS_VALIDATED}{name}{_DEVIATION}")
        beside = _shown(mean)
        if mean is not None and deviation is not None:
            beside = f"{beside} ± {_shown(deviation)}"
        lines.append(MetricLine(name, _shown(value), beside))
    return lines


def _shown(value: float | None) -> str:
    return "—" if value is None else f"{value:.4g}"
