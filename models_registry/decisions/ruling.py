"""The decisions that a request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import Invalid
from models_registry.decisions.decision import EVEN, decided, scores_to_decide
from models_registry.signatures import Signature

if TYPE_CHECKING:
    from models_registry.runtimes import Scores


class ThresholdRefused(Invalid):
    """A threshold cannot decide what the model answers."""

    code = "threshold_refused"
    title = "There is no such decision"


@dataclass(frozen=True, slots=True)
class Ruling:
    """n decisions (one of two classes, or whether a row is an anomaly), and the threshold behind them."""

    threshold: float
    decisions: list[Any]


def check_threshold(signature: Signature, threshold: float) -> None:
    """Refuse a threshold that makes no sense for a model.

    Raises
    ------
    ThresholdRefused
        The model tells neither two classes nor anomalies apart, or the number is no probability.
    """
    is_binary = signature.classes is not None and len(signature.classes) == 2
    if signature.task != "anomaly" and not is_binary:
        raise ThresholdRefused(
            "Only two classes, or anomalies, are told apart by a threshold.", field="threshold"
        )
    if is_binary and not 0.0 <= threshold <= 1.0:
        raise ThresholdRefused("A probability lies between 0 and 1.", field="threshold")


def usual_threshold(
    signature: Signature, decision: Mapping[str, Any], *, of_endpoint: float | None = None
) -> float | None:
    """Return the threshold that counts: the endpoint's, else the version's, else 1/2 for two classes."""
    if of_endpoint is not None:
        return of_endpoint
    chosen = decision.get("threshold")
    if chosen is not None:
        return float(chosen)
    return EVEN if signature.task == "classification" else None


def asked_threshold(
    asked: bool | float | None, usual: float | None, signature: Signature
) -> float | None:
    """Return the threshold that decides: the usual one (True), or one of the caller's own; None for no decisions.

    Raises
    ------
    ThresholdRefused
        As for :func:`check_threshold`, or because there is no usual threshold.
    """
    if asked is None or asked is False:
        return None
    threshold = usual if asked is True else float(asked)
    if threshold is None:
        check_threshold(signature, 0.0)
        raise ThresholdRefused(
            "The version has no threshold of its own; send a number.", field="threshold"
        )
    check_threshold(signature, threshold)
    return threshold


def rule_on(
    asked: bool | float | None, usual: float | None, signature: Signature, scores: Scores
) -> Ruling | None:
    """Return the decisions that were asked for: at the usual threshold (True), or at one of the caller's own.

    Raises
    ------
    ThresholdRefused
        As for :func:`asked_threshold`.
    """
    threshold = asked_threshold(asked, usual, signature)
    if threshold is None:
        return None
    if scores_to_decide(signature, scores) is None:
        raise ThresholdRefused("The answers have no scores to decide by.", field="threshold")
    return Ruling(threshold, decided(signature, scores, threshold))
