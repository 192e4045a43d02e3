"""Retraining decisions in an erasure: which of them rest on rows of the subject. They hold none themselves."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.erasure import Advice, Finding, Subject, Tell
from datasets.execution.erasure.store import affected_versions
from retraining.models import RetrainDecision


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return the decisions about challengers that were trained on the subject's rows."""
    tell("looking through retraining decisions")
    affected = affected_versions(subject, tell)
    decisions = RetrainDecision.objects.filter(dataset_version__in=affected).select_related(
        "policy__endpoint"
    )
    return [
        Finding(
            kind="retrain_decision",
            label=f"{one.policy.endpoint.name}: {one.get_verdict_display()}",
            advice=Advice.NOTED,
            target=("retraining.retraindecision", str(one.pk)),
            detail="Its evidence is losses and wealth by row, without any value of a row.",
        )
        for one in decisions
    ]


def erase(subject: Subject, tell: Tell) -> None:
    """Nothing of a row is kept here."""
