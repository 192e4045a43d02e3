"""Who asks for the deep profile of a version."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction

from accounts.principals import Principal, system_principal
from core.clock import now
from core.errors import DomainError, Invalid
from datasets.errors import ColumnNotFound, VersionNotReady
from datasets.models import DatasetVersion, VersionProfile, VersionStatus
from datasets.schema import Role, Schema
from jobs import services as job_services
from jobs.models import Job

logger = logging.getLogger(__name__)

KIND = "profile"
_AT_ONCE = 20


@transaction.atomic
def ask_for_profile(
    *, principal: Principal, version: DatasetVersion, target: str | None = None
) -> Job:
    """Queue the measurement of a version; one that waits or runs for the same target is joined.

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
    locked = DatasetVersion.objects.select_for_update().select_related("dataset").get(pk=version.pk)
    if not locked.has_rows:
        raise VersionNotReady(f"{locked} is {locked.status}; it has no rows to measure.")
    wanted = _target_of(locked, target)
    present = VersionProfile.objects.select_related("job").filter(version=locked).first()
    waiting = None if present is None else present.job
    if waiting is not None and not waiting.is_final and waiting.arguments["target"] == wanted:
        return waiting
    job = job_services.enqueue(
        principal=principal,
        kind=KIND,
        arguments={"dataset_version": locked.pk, "target": wanted},
        title=f"Profile {locked}",
    )
    VersionProfile.objects.update_or_create(
        version=locked, defaults={"job": job, "asked_at": now()}
    )
    return job


def _target_of(version: DatasetVersion, wanted: str | None) -> str:
    schema = Schema.from_dict(version.schema)
    if wanted is None:
        return next((column.name for column in schema if column.role is Role.TARGET), "")
    try:
        return schema.column(wanted).name
    except ColumnNotFound as error:
        raise Invalid(f"There is no column {wanted!r}.", field="target") from error


def profile_new_versions() -> list[Job]:
    """Ask for the profiles of ready versions that have none yet and are small enough for it.

    Looking at the rows finds every new version, whoever made it and whatever crashed in between. A
    measurement that failed is not tried again: its row is there.
    """
    waiting = (
        DatasetVersion.objects.filter(
            status=VersionStatus.READY,
            deep_profile__isnull=True,
            row_count__lte=settings.AUTO_PROFILE_MAX_ROWS,
        )
        .select_related("dataset__project")
        .order_by("-created_at")[:_AT_ONCE]
    )
    asked = []
    for version in waiting:
        principal = system_principal(version.dataset.project)
        try:
            asked.append(ask_for_profile(principal=principal, version=version))
        except DomainError as refusal:
            logger.warning("no profile of dataset version %s: %s", version.pk, refusal)
    return asked
