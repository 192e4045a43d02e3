"""A decision as a person reads it: what was compared, what came of it, what was missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retraining.models import RetrainDecision, RetrainVerdict
from retraining.wealth_chart import WealthChart, draw

_TONES = {
    RetrainVerdict.PROMOTED: "good",
    RetrainVerdict.APPROVAL_NEEDED: "warn",
    RetrainVerdict.KEPT: "calm",
    RetrainVerdict.INCONCLUSIVE: "warn",
    RetrainVerdict.NOT_ENOUGH_DATA: "warn",
    RetrainVerdict.FAILED: "bad",
}
_LOSS_NAMES = {
    "brier": "Brier score (halved, 0 to 1)",
    "zero_one": "share of wrong answers",
    "absolute_error": "absolute error, in units of the champion's usual miss",
}
_METRIC_NAMES = {
    "accuracy": "Accuracy",
    "f1_macro": "F1 (macro)",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
}
_SMALLER_IS_BETTER = frozenset({"brier", "mae", "rmse"})


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric of both models on the same rows."""

    name: str
    champion: float | None
    challenger: float | None
    challenger_is_better: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and a value, both ready to be shown."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """What the decision's page shows."""

    tone: str
    headline: str
    reason: str
    needed: str
    alert_advice: str
    metrics: tuple[MetricLine, ...]
    facts: tuple[Fact, ...]
    chart: WealthChart | None
    threshold: float | None


def report_of(decision: RetrainDecision) -> DecisionReport:
    """Return the report of a decision, from its stored evidence alone."""
    evidence: dict[str, Any] = decision.evidence
    comparison: dict[str, Any] | None = evidence.get("comparison")
    verdict = RetrainVerdict(decision.verdict)
    return DecisionReport(
        tone=_TONES[verdict],
        headline=_headline(decision, verdict),
        reason=decision.reason,
        needed=_needed(verdict, evidence),
        alert_advice=evidence.get("alert_advice", ""),
        metrics=_metrics(evidence.get("metrics", {})),
        facts=_facts(decision, evidence),
        chart=draw(
            comparison["W"],
            comparison["harm_W"],
            threshold=evidence["threshold"],
            decided_after_rows=evidence.get("decided_after_rows"),
        )
        if comparison
        else None,
        threshold=evidence.get("threshold"),
    )


def _headline(decision: RetrainDecision, verdict: RetrainVerdict) -> str:
    champion, challenger = decision.champion, decision.challenger
    return {
        RetrainVerdict.PROMOTED: f"{challenger} proved better and is champion now",
        RetrainVerdict.APPROVAL_NEEDED: f"{challenger} proved better and waits for an approval",
        RetrainVerdict.KEPT: f"{champion} stays champion",
        RetrainVerdict.INCONCLUSIVE: f"Inconclusive: {champion} stays champion",
        RetrainVerdict.NOT_ENOUGH_DATA: "Not enough labelled rows to train and test a challenger",
        RetrainVerdict.FAILED: "The retraining failed; nothing has changed",
    }[verdict]


def _needed(verdict: RetrainVerdict, evidence: dict[str, Any]) -> str:
    """Return what would have been needed for a promotion; empty where there is nothing to say."""
    if verdict == RetrainVerdict.NOT_ENOUGH_DATA:
        return (
            f"{evidence.get('labels_missing', 0)} more labels are needed: "
            f"{evidence.get('labels_fresh', 0)} of {evidence.get('labels_needed', 0)} are there."
        )
    if verdict != RetrainVerdict.INCONCLUSIVE or "threshold" not in evidence:
        return ""
    wealth, threshold = evidence["wealth"], evidence["threshold"]
    stands = f"The evidence reached {wealth:.3g}; {threshold:.3g} is needed for a promotion."
    further = evidence.get("further_rows")
    if further is None:
        return f"{stands} On these rows it did not grow: more rows alone would not help."
    return f"{stands} At the pace seen here, about {further:,} further labelled rows would do."


def _metrics(metrics: dict[str, dict[str, float]]) -> tuple[MetricLine, ...]:
    champion, challenger = metrics.get("champion", {}), metrics.get("challenger", {})
    lines = []
    for key, name in _METRIC_NAMES.items():
        if key not in champion and key not in challenger:
            continue
        ours, theirs = champion.get(key), challenger.get(key)
        better = False
        if ours is not None and theirs is not None:
            better = theirs < ours if key in _SMALLER_IS_BETTER else theirs > ours
        lines.append(MetricLine(name, ours, theirs, better))
    return tuple(lines)


def _facts(decision: RetrainDecision, evidence: dict[str, Any]) -> tuple[Fact, ...]:
    facts = [Fact("Started by", decision.get_trigger_display())]
    comparison: dict[str, Any] | None = evidence.get("comparison")
    if "rows_added" in evidence:
        facts.append(Fact("Production rows learned from", f"{evidence['rows_added']:,}"))
    if comparison is None:
        return tuple(facts)
    facts += [
        Fact("Newest rows, kept back and compared", f"{comparison['n']:,}"),
        Fact("Loss", _LOSS_NAMES.get(evidence["loss"], evidence["loss"])),
        Fact("Mean gain per row", f"{comparison['mean_difference']:+.4f}"),
        Fact("Margin asked for", f"{comparison['margin']:g}"),
        Fact("Challenger number k", str(evidence["ordinal"])),
        Fact(
            "Level α_k = 6α/(π²k²)",
            f"{evidence['level']:.4g} of α = {evidence['alpha']:g}",
        ),
        Fact("Evidence needed, 1/α_k", f"{evidence['threshold']:.4g}"),
        Fact("Evidence reached", f"{evidence['wealth']:.4g}"),
    ]
    if evidence.get("decided_after_rows") is not None:
        facts.append(Fact("Decided after", f"{evidence['decided_after_rows']:,} rows"))
    if evidence.get("validation"):
        facts.append(Fact("Gates of the challenger", evidence["validation"]))
    return tuple(facts)
