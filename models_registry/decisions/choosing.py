"""Choosing a threshold on rows whose scores are out of sample; ``score ≥ threshold`` is a yes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models_registry.decisions.rules import DecisionRule

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quality:
    """What a threshold does on n rows.

    Attributes
    ----------
    share
        Of the rows that are at or above it.
    precision, recall, f1
        None where the truth is not known, or where nothing is to be divided by.
    """

    rows: int
    share: float
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the quality as JSON-compatible values."""
        return asdict(self)


def quality_at(threshold: float, scores: FloatArray, truth: BoolArray | None) -> Quality:
    """Return what a threshold does: precision TP/(TP+FP), recall TP/(TP+FN), F1 2TP/(2TP+FP+FN)."""
    flagged = scores >= threshold
    share = float(flagged.mean()) if len(scores) else 0.0
    if truth is None or not len(scores):
        return Quality(len(scores), share)
    hits = int((flagged & truth).sum())
    raised, true = int(flagged.sum()), int(truth.sum())
    return Quality(
        rows=len(scores),
        share=share,
        precision=hits / raised if raised else None,
        recall=hits / true if true else None,
        f1=2 * hits / (raised + true) if raised + true else None,
    )


def choose_threshold(
    rule: DecisionRule, scores: FloatArray, truth: BoolArray | None
) -> float | None:
    """Return the threshold that a rule asks for; None where no threshold reaches it.

    Parameters
    ----------
    scores
        Shape (n,), of rows that the model had not learnt from.
    truth
        Shape (n,): whether the answer was yes; None where it is not known.

    Notes
    -----
    Candidates are the scores themselves and one number above all of them. Of candidates that are equally good
    the highest is taken. Equal scores fall on the same side, so that a share of rows may not be met exactly:
    the nearest is taken.
    """
    if rule.rule == "fixed":
        return rule["threshold"]
    if not len(scores):
        return None
    if rule.rule == "contamination":
        candidates, raised = _raised(scores)
        return _best(candidates, -np.abs(raised / len(scores) - rule["share"]))
    if truth is None:
        return None
    candidates, hits, false_alarms = _counts(scores, truth)
    true = int(truth.sum())
    if rule.rule == "f1":
        return _best(candidates, 2 * hits / np.maximum(hits + false_alarms + true, 1))
    if rule.rule == "cost":
        cost = rule["false_positive"] * false_alarms + rule["false_negative"] * (true - hits)
        return _best(candidates, -cost)
    if rule.rule == "precision":
        raised = hits + false_alarms
        reached = (raised > 0) & (hits / np.maximum(raised, 1) >= rule["at_least"])
        return float(candidates[np.flatnonzero(reached)[-1]]) if reached.any() else None
    reached = (true > 0) & (hits / max(true, 1) >= rule["at_least"])
    return float(candidates[np.flatnonzero(reached)[0]]) if reached.any() else None


def _counts(
    scores: FloatArray, truth: BoolArray
) -> tuple[FloatArray, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the candidates from the highest on, with true and false alarms at each."""
    order = np.argsort(-scores, kind="stable")
    candidates, raised = _raised(scores)
    hits = np.concatenate([[0], np.cumsum(truth[order])])[raised]
    return candidates, hits, raised - hits


def _raised(scores: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the candidates from the highest on, with how many rows are at or above each."""
    ranked = np.sort(scores)[::-1]
    last_of_equals = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    above_all = np.nextafter(ranked[0], np.inf)
    return (
        np.concatenate([[above_all], ranked[last_of_equals]]),
        np.concatenate([[0], last_of_equals + 1]).astype(np.int64),
    )


def _best(candidates: FloatArray, worth: npt.NDArray[Any]) -> float:
    return float(candidates[int(np.argmax(worth))])
