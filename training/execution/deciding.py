"""Choosing the decision threshold of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models_registry.decisions import (
    Decision,
    DecisionRule,
    choose_threshold,
    quality_at,
    scores_to_decide,
)
from models_registry.runtimes import Scores
from models_registry.signatures import Signature
from training.execution.judging import Judge

Answers = tuple[npt.NDArray[np.intp], Scores]


def choose_decision(
    rule: DecisionRule | None,
    signature: Signature,
    judge: Judge,
    *,
    of_folds: Sequence[Answers],
    held_out: Answers,
) -> Decision | None:
    """Return the threshold that a rule asks for; None where none does what it asks.

    It is chosen on the answers of the cross-validation, each by a model that had not learnt from the row, and
    then measured on the rows that were held out; on those themselves where there was no cross-validation.
    """
    if rule is None:
        return None
    rows, scores, truth = _joined(signature, judge, of_folds or [held_out])
    threshold = choose_threshold(rule, scores, truth)
    if threshold is None:
        return None
    _, held_scores, held_truth = _joined(signature, judge, [held_out])
    return Decision(
        threshold=threshold,
        rule=rule.to_dict(),
        chosen_on=quality_at(threshold, scores, truth).to_dict() if len(rows) else {},
        held_out=quality_at(threshold, held_scores, held_truth).to_dict(),
    )


def decision_metrics(decision: Decision | None) -> dict[str, float | None]:
    """Return what the threshold does on held-out rows, as metrics that gates can look at."""
    if decision is None:
        return {}
    return {
        f"decision_{name}": value for name, value in decision.held_out.items() if name != "rows"
    }


def _joined(
    signature: Signature, judge: Judge, answers: Sequence[Answers]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.bool_] | None]:
    rows = np.concatenate([numbers for numbers, _ in answers])
    values = [scores_to_decide(signature, scores) for _, scores in answers]
    found = [one for one in values if one is not None]
    scores = np.concatenate(found) if found else np.empty(0)
    return rows, scores, judge.is_positive(rows)
