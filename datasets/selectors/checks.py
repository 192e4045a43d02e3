"""Reads of checks and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from datasets.models import (
    CheckResult,
    DataCheck,
    Dataset,
    DatasetVersion,
    Severity,
    Verdict,
    VersionStatus,
)

#: A check that blocks has to be passed: one that cannot be carried out was not.
BLOCKING = Q(severity=Severity.ERROR, verdict__in=[Verdict.FAILED, Verdict.ERROR])


@dataclass(frozen=True, slots=True)
class CheckState:
    """How the checks of a version stand."""

    passed: int
    warned: int
    blocking: int
    undecided: int

    @property
    def word(self) -> str:
        """The worst of it: failed, warning, passed, or not_run."""
        if self.blocking:
            return "failed"
        if self.warned:
            return "warning"
        return "passed" if self.passed or self.undecided else "not_run"


def enabled_checks(dataset: Dataset) -> list[DataCheck]:
    """Return the checks that every version of a dataset goes through."""
    return list(DataCheck.objects.filter(dataset_id=dataset.pk, is_enabled=True).order_by("id"))


def current_results(version: DatasetVersion) -> list[CheckResult]:
    """Return what the checks found when they looked last: what failed first."""
    order = {Verdict.FAILED: 0, Verdict.ERROR: 1, Verdict.NOT_ENOUGH_DATA: 2, Verdict.PASSED: 3}
    found = version.check_results.filter(is_current=True)
    return sorted(found, key=lambda one: (order[Verdict(one.verdict)], one.severity, one.pk))


def check_state(version: DatasetVersion) -> CheckState:
    """Return how the checks of a version stand."""
    bad = Q(verdict__in=[Verdict.FAILED, Verdict.ERROR])
    found = version.check_results.filter(is_current=True).aggregate(
        passed=Count("pk", filter=Q(verdict=Verdict.PASSED)),
        warned=Count("pk", filter=bad & Q(severity=Severity.WARNING)),
        blocking=Count("pk", filter=BLOCKING),
        undecided=Count("pk", filter=Q(verdict=Verdict.NOT_ENOUGH_DATA)),
    )
    return CheckState(**found)


def version_before(version: DatasetVersion, number: int | None = None) -> DatasetVersion | None:
    """Return the version that a check compares with: that of a number, or the newest one before with rows."""
    earlier = DatasetVersion.objects.select_related("dataset").filter(
        dataset_id=version.dataset_id,
        status__in=[VersionStatus.READY, VersionStatus.ARCHIVED],
        delta_version__isnull=False,
    )
    if number is not None:
        return earlier.filter(number=number).exclude(pk=version.pk).first()
    return (
        earlier.filter(number__lt=version.number, status=VersionStatus.READY)
        .order_by("-number")
        .first()
    )


def blocking_results(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return those that keep a version from being ready."""
    return [
        one
        for one in results
        if one.severity == Severity.ERROR and one.verdict in (Verdict.FAILED, Verdict.ERROR)
    ]
