"""Checks of a dataset: make, change, delete, suggest, carry out again, and let a version through all the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid, NotFound
from datasets import lake, uploads
from datasets.checking.kinds import checked_spec
from datasets.checking.suggestions import Suggestion, suggest_checks
from datasets.errors import LakeCorrupt, NothingToWaive
from datasets.execution.checking import CheckedVersion, written_of
from datasets.execution.positions import lock_held_run
from datasets.execution.recording import make_ready
from datasets.models import (
    DataCheck,
    Dataset,
    DatasetVersion,
    Severity,
    VersionBlock,
    VersionStatus,
)
from datasets.schema import Schema
from datasets.selectors import active_schema, latest_ready_version
from datasets.services.locking import lock_dataset
from jobs import services as job_services
from jobs.models import Job

_LONGEST_TEXT = 500


@transaction.atomic
def create_check(
    *,
    principal: Principal,
    dataset: Dataset,
    kind: str,
    columns: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    severity: str = Severity.WARNING,
    is_enabled: bool = True,
    description: str = "",
) -> DataCheck:
    """Let every later version of a dataset go through one more check.

    Raises
    ------
    CheckRefused
        Naming each field that is wrong.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    spec = checked_spec(kind, list(columns), dict(parameters or {}), schema=_schema_of(locked))
    check = DataCheck.objects.create(
        dataset=locked,
        kind=spec.kind,
        columns=list(spec.columns),
        parameters=dict(spec.parameters),
        severity=_severity(severity),
        is_enabled=is_enabled,
        description=_text(description, "description"),
        created_by_id=principal.user_id,
    )
    audit.record(
        principal=principal,
        action="data_check.created",
        target=check,
        summary=f"{locked}: {check}",
        changes={"parameters": check.parameters, "severity": check.severity},
    )
    return check


@transaction.atomic
def change_check(*, principal: Principal, check: DataCheck, **changes: Any) -> DataCheck:
    """Change columns, parameters, severity, is_enabled or description; the kind stays.

    Raises
    ------
    CheckRefused
        Naming each field that is wrong.
    """
    principal.require(Permission.EDIT)
    dataset = lock_dataset(principal, check.dataset)
    locked = _lock_check(check)
    before = {name: getattr(locked, name) for name in _CHANGEABLE}
    wanted = {**before, **{name: changes[name] for name in _CHANGEABLE if name in changes}}
    spec = checked_spec(
        locked.kind, list(wanted["columns"]), wanted["parameters"], schema=_schema_of(dataset)
    )
    locked.columns, locked.parameters = list(spec.columns), dict(spec.parameters)
    locked.severity = _severity(wanted["severity"])
    locked.is_enabled = bool(wanted["is_enabled"])
    locked.description = _text(wanted["description"], "description")
    changed = {
        name: [value, getattr(locked, name)]
        for name, value in before.items()
        if value != getattr(locked, name)
    }
    if changed:
        locked.save()
        audit.record(
            principal=principal,
            action="data_check.changed",
            target=locked,
            summary=f"{dataset}: {locked}",
            changes=changed,
        )
    return locked


_CHANGEABLE = ("columns", "parameters", "severity", "is_enabled", "description")


@transaction.atomic
def delete_check(*, principal: Principal, check: DataCheck) -> None:
    """Ask a question no more; what it found in versions stays."""
    principal.require(Permission.EDIT)
    dataset = lock_dataset(principal, check.dataset)
    locked = _lock_check(check)
    audit.record(
        principal=principal,
        action="data_check.deleted",
        target=locked,
        summary=f"{dataset}: {locked}",
    )
    locked.delete()


def suggestions_for(dataset: Dataset) -> tuple[DatasetVersion | None, list[Suggestion]]:
    """Return what the newest version suggests to check that is not checked yet, and that version."""
    version = latest_ready_version(dataset)
    if version is None:
        return None, []
    found = suggest_checks(
        active_schema(dataset) or Schema.from_dict(version.schema),
        version.profile,
        row_count=version.row_count or 0,
        at=version.created_at,
        present=[check.spec for check in dataset.checks.all()],
    )
    return version, found


@transaction.atomic
def accept_suggestions(
    *, principal: Principal, dataset: Dataset, keys: Collection[str]
) -> list[DataCheck]:
    """Make checks of suggestions.

    Raises
    ------
    Invalid
        A key is none of a present suggestion.
    """
    principal.require(Permission.EDIT)
    locked = lock_dataset(principal, dataset)
    offered = {one.key: one for one in suggestions_for(locked)[1]}
    unknown = [key for key in keys if key not in offered]
    if unknown:
        raise Invalid(f"There is no suggestion {str(unknown[0])[:40]!r} (any more).", field="keys")
    if not keys:
        raise Invalid("Choose at least one suggestion.", field="keys")
    return [
        create_check(
            principal=principal,
            dataset=locked,
            kind=one.spec.kind,
            columns=one.spec.columns,
            parameters=one.spec.parameters,
            severity=one.severity,
            description=one.reason,
        )
        for key, one in offered.items()
        if key in keys
    ]


@transaction.atomic
def request_checks(*, principal: Principal, version: DatasetVersion) -> Job:
    """Ask for the checks to be carried out again on a version.

    Raises
    ------
    VersionNotReady
        It has no rows.
    Invalid
        The dataset has no check that is enabled.
    """
    principal.require(Permission.EDIT)
    if version.dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset version.")
    CheckedVersion.of(version)
    if not version.dataset.checks.filter(is_enabled=True).exists():
        raise Invalid("The dataset has no checks that are enabled.")
    return job_services.enqueue(
        principal=principal,
        kind="check_version",
        arguments={"dataset_version": version.pk},
        title=f"Check {version}",
    )


@transaction.atomic
def waive_checks(*, principal: Principal, version: DatasetVersion, reason: str) -> DatasetVersion:
    """Let a version through that checks hold back.

    Raises
    ------
    NothingToWaive
        No check holds it back.
    AppendOvertaken
        It was appended to a version that is no longer the newest.
    SourceOvertaken
        A source appended it, and was changed, reset or read since.
    LakeCorrupt
        Its rows are gone meanwhile.
    """
    principal.require(Permission.ADMIN)
    said = _text(reason, "reason").strip()
    if not said:
        raise Invalid("Say why the version may be used all the same.", field="reason")
    held = lock_held_run(version)
    lock_dataset(principal, version.dataset)
    block = VersionBlock.objects.select_for_update().filter(version=version, waived_at=None).first()
    if block is None or version.status != VersionStatus.FAILED:
        raise NothingToWaive(f"{version} is {version.status}; no check holds it back.")
    written = written_of(block)
    path = lake.dataset_path(version.dataset)
    if lake.pinned_row_count(path, written.delta_version) != written.row_count:
        raise LakeCorrupt("The rows that were held back are no longer there. Bring them in again.")
    upload = str(version.source.get("upload", ""))
    ready = make_ready(principal=principal, version=version, written=written, source=block.source)
    if held is not None:
        held.release()
    block.waived_at, block.waived_by_id, block.waive_reason = now(), principal.user_id, said
    block.save(update_fields=["waived_at", "waived_by", "waive_reason"])
    audit.record(
        principal=principal,
        action="dataset_version.checks_waived",
        target=ready,
        summary=f"{ready}: {said}",
        changes={"checks": block.reason, "reason": said},
    )
    if upload:
        transaction.on_commit(lambda: uploads.discard([upload]))
    return ready


def _lock_check(check: DataCheck) -> DataCheck:
    locked = DataCheck.objects.select_for_update().filter(pk=check.pk).first()
    if locked is None:
        raise NotFound("There is no such check.")
    return locked


def _schema_of(dataset: Dataset) -> Schema | None:
    """Return what the columns of the next version will be, as far as it is known."""
    declared = active_schema(dataset)
    if declared is not None:
        return declared
    version = latest_ready_version(dataset)
    return None if version is None else Schema.from_dict(version.schema)


def _severity(value: object) -> str:
    if value not in Severity.values:
        raise Invalid(f"Choose one of {', '.join(Severity.values)}.", field="severity")
    return str(value)


def _text(value: str, field: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise Invalid(f"At most {_LONGEST_TEXT} characters.", field=field)
    return value
