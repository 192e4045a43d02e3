"""Carrying out the checks of a dataset on one version; keeping what they found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from core.errors import DomainError
from datasets import lake
from datasets.checking.evaluation import CheckVerdict, Outcome, Subject, evaluate
from datasets.checking.tables import CheckedTable, Tables
from datasets.errors import ChecksFailed, VersionNotReady
from datasets.execution.writing import WrittenVersion
from datasets.models import (
    CheckResult,
    DataCheck,
    Dataset,
    DatasetVersion,
    Severity,
    VersionBlock,
    VersionStatus,
)
from datasets.schema import Schema
from datasets.selectors import latest_ready_version
from datasets.selectors.checks import blocking_results, enabled_checks, version_before
from jobs.execution import Conclude, JobContext

Progress = Callable[[float, str], None]
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """Rows in the lake that are to be checked, whether or not a version row pins them already."""

    version: DatasetVersion
    delta_version: int
    schema: Schema
    row_count: int
    at: datetime

    @classmethod
    def of(cls, version: DatasetVersion) -> CheckedVersion:
        """Return the rows of a version that has some, or of one that checks hold back.

        Raises
        ------
        VersionNotReady
            It has none.
        """
        if version.has_rows:
            assert version.delta_version is not None
            schema = Schema.from_dict(version.schema)
            rows = version.row_count or 0
            return cls(version, version.delta_version, schema, rows, version.created_at)
        block = VersionBlock.objects.filter(version=version).first()
        if block is None:
            raise VersionNotReady(f"{version} is {version.status}; it has no rows to check.")
        return cls.about_to_be(version, written_of(block))

    @classmethod
    def about_to_be(cls, version: DatasetVersion, written: WrittenVersion) -> CheckedVersion:
        """Return the rows that were written for a version that is not ready yet."""
        return cls(
            version, written.delta_version, written.schema, written.row_count, version.created_at
        )


def run_checks(
    checked: CheckedVersion,
    checks: Sequence[DataCheck] | None = None,
    *,
    progress: Progress | None = None,
) -> list[CheckResult]:
    """Carry out checks and return their results, not saved yet; call it outside a transaction.

    Parameters
    ----------
    checks
        Those of the dataset that are enabled, when absent.
    progress
        Told the share of the checks that are done, in the caller's thread; what it raises stops the work.
    """
    dataset = checked.version.dataset
    wanted = enabled_checks(dataset) if checks is None else list(checks)
    if not wanted:
        return []
    Path(settings.SCRATCH_ROOT).mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="checks-", dir=settings.SCRATCH_ROOT) as scratch,
        Tables(Path(scratch)) as tables,
    ):
        subject = _subject(tables, checked)
        found: list[CheckResult] = []
        for done, check in enumerate(wanted):
            if progress is not None:
                progress(done / len(wanted), "checking")
            found.append(_result(check, checked.version, _carried_out(check, subject)))
    return found


def _carried_out(check: DataCheck, subject: Subject) -> Outcome:
    import duckdb

    try:
        return evaluate(check.spec, subject)
    except DomainError as error:
        return Outcome(CheckVerdict.ERROR, error.message)
    except duckdb.OutOfMemoryException:
        return Outcome(CheckVerdict.ERROR, "The check needs more memory than it may have.")
    except duckdb.Error:
        return Outcome(CheckVerdict.ERROR, "The check cannot be carried out on these rows.")


def _subject(tables: Tables, checked: CheckedVersion) -> Subject:
    dataset = checked.version.dataset
    rows = tables.add(
        lake.pinned_rows(lake.dataset_path(dataset), checked.delta_version),
        schema=checked.schema,
        row_count=checked.row_count,
        label=str(checked.version),
    )
    taken: dict[int, CheckedTable] = {}

    def take(version: DatasetVersion | None) -> CheckedTable | None:
        if version is None:
            return None
        if version.pk not in taken:
            known = CheckedVersion.of(version)
            taken[version.pk] = tables.add(
                lake.pinned_rows(lake.dataset_path(version.dataset), known.delta_version),
                schema=known.schema,
                row_count=known.row_count,
                label=str(version),
            )
        return taken[version.pk]

    def other(name: str) -> CheckedTable | None:
        found = Dataset.objects.filter(project_id=dataset.project_id, name=name).first()
        return None if found is None else take(latest_ready_version(found))

    return Subject(
        tables=tables,
        rows=rows,
        at=checked.at,
        baseline=lambda number: take(version_before(checked.version, number)),
        other=other,
    )


def _result(check: DataCheck, version: DatasetVersion, outcome: Outcome) -> CheckResult:
    return CheckResult(
        version=version,
        data_check=check,
        title=str(check)[:300],
        kind=check.kind,
        columns=check.columns,
        parameters=check.parameters,
        severity=check.severity,
        verdict=outcome.verdict.value,
        message=outcome.message,
        checked_count=outcome.checked_count,
        failed_count=outcome.failed_count,
        observed=dict(outcome.observed),
        samples=[dict(one) for one in outcome.samples],
    )


@transaction.atomic
def keep_results(
    version: DatasetVersion, results: Sequence[CheckResult], *, job_id: UUID | None = None
) -> None:
    """Save results as the current ones of a version; those of before stay, and are no longer current."""
    DatasetVersion.objects.select_for_update().get(pk=version.pk)
    version.check_results.filter(is_current=True).update(is_current=False)
    kept = {check.pk for check in DataCheck.objects.filter(dataset_id=version.dataset_id)}
    for one in results:
        one.version_id = version.pk
        one.job_id = job_id
        if one.data_check_id not in kept:
            one.data_check = None
    CheckResult.objects.bulk_create(results)


def check_before_ready(
    version: DatasetVersion,
    written: WrittenVersion,
    *,
    source: Mapping[str, Any],
    job_id: UUID,
    progress: Progress | None = None,
) -> list[CheckResult]:
    """Carry out the checks on what was written for a waiting version; keep what they found.

    Call it outside a transaction, before the version is made ready.

    Raises
    ------
    ChecksFailed
        A check of the severity "error" was not passed. The results are kept, and so is what is needed to let the
        version through all the same.
    """
    DatasetVersion.objects.get(pk=version.pk).check_move(VersionStatus.READY)
    results = run_checks(CheckedVersion.about_to_be(version, written), progress=progress)
    blocking = blocking_results(results)
    with transaction.atomic():
        keep_results(version, results, job_id=job_id)
        VersionBlock.objects.filter(version=version, waived_at=None).delete()
        if not blocking:
            return results
        reason = _reason(blocking)
        VersionBlock.objects.update_or_create(
            version=version,
            defaults={"reason": reason, "written": _stored(written), "source": dict(source)},
        )
    raise ChecksFailed(reason, checks=[one.title for one in blocking])


def _reason(blocking: Sequence[CheckResult]) -> str:
    said = " ".join(f"{one.title}: {one.message}" for one in blocking[:_MOST_NAMED])
    more = len(blocking) - _MOST_NAMED
    return said + (f" And {more} more." if more > 0 else "")


def _stored(written: WrittenVersion) -> dict[str, Any]:
    return {**asdict(written), "schema": written.schema.to_dict()}


def written_of(block: VersionBlock) -> WrittenVersion:
    """Return what was written for a version that is held back."""
    data = dict(block.written)
    return WrittenVersion(**{**data, "schema": Schema.from_dict(data["schema"])})


def check_version(context: JobContext) -> Conclude:
    """Carry the checks out again on a version that is there already.

    Job arguments: ``dataset_version`` (id). Result: ``dataset_version`` and how many passed, warned and failed.
    """
    version = DatasetVersion.objects.select_related("dataset").get(
        pk=context.arguments["dataset_version"], dataset__project_id=context.principal.project_id
    )
    results = run_checks(CheckedVersion.of(version), progress=context.progress)
    for one in results:
        context.log(f"{one.title}: {one.verdict}. {one.message}")

    def conclude() -> Mapping[str, Any]:
        keep_results(version, results, job_id=context.job_id)
        failed = [one for one in results if one.verdict in ("failed", "error")]
        return {
            "dataset_version": version.pk,
            "checks": len(results),
            "failed": sum(one.severity == Severity.ERROR for one in failed),
            "warned": sum(one.severity == Severity.WARNING for one in failed),
        }

    return conclude
