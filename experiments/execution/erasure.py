"""Runs in an erasure: which of them had rows of the subject before them."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.erasure import Advice, Finding, Subject, Tell
from datasets.execution.erasure.store import affected_versions
from experiments.models import Run


def find(subject: Subject, tell: Tell) -> Sequence[Finding]:
    """Return the runs on dataset versions that hold the subject."""
    tell("looking through runs")
    affected = affected_versions(subject, tell)
    runs = Run.objects.filter(dataset_version__in=affected).select_related("experiment__project")
    return [
        Finding(
            kind="run",
            label=f"{run.experiment.project}/{run}",
            advice=Advice.NOTED,
            rows=affected[run.dataset_version_id or 0],
            target=("experiments.run", str(run.pk)),
            detail="Parameters, metrics and plots are sums over many rows.",
        )
        for run in runs
    ]


def erase(subject: Subject, tell: Tell) -> None:
    """What a run keeps of its own making are sums over many rows; they stay."""
