"""Retention: policies, holds, and runs by hand."""

from __future__ import annotations

from django.db import transaction

from accounts import audit
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import Invalid, NotFound
from datasets.execution.asking.upkeep import ask_for_compaction, ask_for_retention
from datasets.models import Dataset, DatasetVersion, RetentionPolicy
from datasets.retention import PlannedVersion
from datasets.selectors.retention import files_of_versions, policy_of, retention_plan
from datasets.services.locking import lock_dataset
from jobs.models import Job

_MOST = 36_500


@transaction.atomic
def set_retention_policy(
    *,
    principal: Principal,
    dataset: Dataset,
    keep_last: int | None,
    keep_days: int | None,
    grace_days: int = 7,
    is_enabled: bool = True,
) -> RetentionPolicy:
    """Make or change the retention policy of a dataset.

    Parameters
    ----------
    keep_last, keep_days
        What stays: so many of the newest versions, and versions younger than so many days. At least one
        is given.
    grace_days
        Days between archiving a version and removing its rows.

    Raises
    ------
    Invalid
        Neither rule is given, or a number is out of range.
    """
    principal.require(Permission.EDIT)
    for field, value, least in (
        ("keep_last", keep_last, 1),
        ("keep_days", keep_days, 1),
        ("grace_days", grace_days, 0),
    ):
        if value is not None and not least <= value <= _MOST:
            raise Invalid(f"Give a number from {least} to {_MOST:,}.", field=field)
    if keep_last is None and keep_days is None:
        raise Invalid("Say how many versions stay, or for how many days.", field="keep_last")
    locked = lock_dataset(principal, dataset)
    wanted = {
        "keep_last": keep_last,
        "keep_days": keep_days,
        "grace_days": grace_days,
        "is_enabled": is_enabled,
    }
    policy = RetentionPolicy.objects.filter(dataset=locked).first()
    before = {name: getattr(policy, name) for name in wanted} if policy is not None else {}
    if policy is None:
        policy = RetentionPolicy(dataset=locked, created_by_id=principal.user_id)
    for name, value in wanted.items():
        setattr(policy, name, value)
    policy.save()
    changes = {
        name: [before.get(name), value]
        for name, value in wanted.items()
        if not before or before[name] != value
    }
    if changes:
        audit.record(
            principal=principal,
            action="retention_policy.changed" if before else "retention_policy.created",
            target=policy,
            summary=f"{locked.name}: {policy.terms}",
            changes=changes,
        )
    return policy


@transaction.atomic
def delete_retention_policy(*, principal: Principal, dataset: Dataset) -> None:
    """Delete the retention policy of a dataset: then everything stays.

    Raises
    ------
    NoRetentionPolicy
        It has none.
    """
    principal.require(Permission.EDIT)
    policy = policy_of(lock_dataset(principal, dataset))
    audit.record(
        principal=principal,
        action="retention_policy.deleted",
        target=policy,
        summary=f"{dataset.name}: {policy.terms}",
    )
    policy.delete()


def preview_retention(*, principal: Principal, dataset: Dataset) -> tuple[PlannedVersion, ...]:
    """Return what a run would do now; changes nothing.

    Raises
    ------
    NoRetentionPolicy
        The dataset has no policy.
    """
    principal.require(Permission.VIEW)
    _own(principal, dataset)
    return retention_plan(policy_of(dataset), files_of_versions(dataset), moment=now())


@transaction.atomic
def run_retention(*, principal: Principal, dataset: Dataset) -> Job:
    """Ask for the policy of a dataset to be carried out now, also when it is switched off.

    Raises
    ------
    NoRetentionPolicy
        The dataset has no policy.
    """
    principal.require(Permission.EDIT)
    _own(principal, dataset)
    policy_of(dataset)
    return ask_for_retention(principal=principal, dataset=dataset)


@transaction.atomic
def compact_dataset(*, principal: Principal, dataset: Dataset) -> Job:
    """Ask for the small files of the newest version to be put together."""
    principal.require(Permission.EDIT)
    _own(principal, dataset)
    return ask_for_compaction(principal=principal, dataset=dataset)


@transaction.atomic
def hold_version(*, principal: Principal, version: DatasetVersion, reason: str) -> DatasetVersion:
    """Keep a version whatever the retention policy says.

    Raises
    ------
    Invalid
        The reason is empty or longer than 200 characters.
    """
    principal.require(Permission.EDIT)
    said = reason.strip()
    if not 1 <= len(said) <= 200:
        raise Invalid("A reason has 1 to 200 characters.", field="reason")
    return _hold(principal, version, said)


@transaction.atomic
def release_version(*, principal: Principal, version: DatasetVersion) -> DatasetVersion:
    """Let the retention policy decide about a version again."""
    principal.require(Permission.EDIT)
    return _hold(principal, version, "")


def _hold(principal: Principal, version: DatasetVersion, reason: str) -> DatasetVersion:
    dataset = lock_dataset(principal, version.dataset)
    locked = dataset.versions.select_for_update().get(pk=version.pk)
    if locked.hold_reason == reason:
        return locked
    before, locked.hold_reason = locked.hold_reason, reason
    locked.save(update_fields=["hold_reason"])
    audit.record(
        principal=principal,
        action="dataset_version.held" if reason else "dataset_version.released",
        target=locked,
        summary=f"{locked}: {reason or before}",
        changes={"hold_reason": [before, reason]},
    )
    return locked


def _own(principal: Principal, dataset: Dataset) -> None:
    if dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset.")
