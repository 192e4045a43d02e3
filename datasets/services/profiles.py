"""Deep profiles: ask for one."""

from __future__ import annotations

from accounts.policy import Permission
from accounts.principals import Principal
from core.errors import NotFound
from datasets.execution.asking.profiles import ask_for_profile
from datasets.models import DatasetVersion
from jobs.models import Job


def profile_version(
    *, principal: Principal, version: DatasetVersion, target: str | None = None
) -> Job:
    """Ask for a version to be measured: gaps, duplicates, associations, leakage, the target's course.

    Parameters
    ----------
    target
        The column to measure against; the one whose role is *target*, when absent.

    Raises
    ------
    VersionNotReady
        The version has no rows.
    Invalid
        It has no column of that name.
    """
    principal.require(Permission.EDIT)
    if version.dataset.project_id != principal.project_id:
        raise NotFound("There is no such dataset version.")
    return ask_for_profile(principal=principal, version=version, target=target)
