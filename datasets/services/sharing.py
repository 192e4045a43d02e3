"""Letting another project use a dataset, and taking that back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import Project
from accounts.policy import Permission
from accounts.principals import Principal
from core.clock import now
from core.errors import FieldError, Invalid, NotFound
from datasets.errors import GrantEnded, GrantRefused
from datasets.models import Dataset, DatasetGrant, GrantLevel
from datasets.services.locking import lock_dataset


@transaction.atomic
def grant_dataset(
    *,
    principal: Principal,
    dataset: Dataset,
    project: str,
    level: str,
    expires_at: datetime | None = None,
    note: str = "",
) -> DatasetGrant:
    """Let another project use a dataset; a grant that it has already ends and is replaced.

    Both projects find the event in their audit trails.

    Parameters
    ----------
    project
        Slug of the project that may use it from now on.
    level
        ``view``, ``train`` or ``export``.
    expires_at
        Until when; for ever, when absent.

    Raises
    ------
    Invalid
        There is no such project or level, the expiry has passed, or the note is too long.
    GrantRefused
        The dataset is the other project's own, or holds rows that a third project has shared.
    """
    principal.require(Permission.ADMIN)
    locked = lock_dataset(principal, dataset)
    other = Project.objects.filter(slug=project).first()
    complaints = _complaints(other, project, level, expires_at, note)
    if complaints or other is None:
        raise Invalid("The dataset cannot be shared as asked for.", errors=complaints)
    if other.pk == locked.project_id:
        raise GrantRefused("The dataset belongs to this project.", field="project")
    if locked.restricted_by_id is not None:
        raise GrantRefused("The dataset holds rows that another project shares with this one.")
    DatasetGrant.objects.filter(dataset=locked, project=other, revoked_at__isnull=True).update(
        revoked_at=now(), revoked_by_id=principal.user_id
    )
    grant = DatasetGrant.objects.create(
        dataset=locked,
        project=other,
        level=level,
        note=note.strip(),
        expires_at=expires_at,
        granted_by_id=principal.user_id,
    )
    _tell_both(principal, grant, "dataset_grant.granted")
    return grant


@transaction.atomic
def revoke_grant(*, principal: Principal, grant: DatasetGrant) -> DatasetGrant:
    """Take a grant back; it has no effect from this moment on.

    What was made of the dataset before stays: runs and models keep naming it in their lineage.

    Raises
    ------
    NotFound
        The dataset is not one of the caller's project.
    GrantEnded
        It was revoked before.
    """
    principal.require(Permission.ADMIN)
    locked = (
        DatasetGrant.objects.select_for_update(of=("self",))
        .select_related("dataset__project", "project")
        .filter(pk=grant.pk, dataset__project_id=principal.project_id)
        .first()
    )
    if locked is None:
        raise NotFound("There is no such grant.")
    if locked.revoked_at is not None:
        raise GrantEnded("The grant was revoked before.")
    locked.revoked_at = now()
    locked.revoked_by_id = principal.user_id
    locked.save(update_fields=["revoked_at", "revoked_by"])
    _tell_both(principal, locked, "dataset_grant.revoked")
    return locked


def _complaints(
    project: Project | None, slug: str, level: str, expires_at: datetime | None, note: str
) -> list[FieldError]:
    complaints: list[FieldError] = []
    if project is None:
        complaints.append(FieldError("project", f"There is no project '{slug[:64]}'."))
    if level not in GrantLevel.values:
        complaints.append(FieldError("level", f"Choose one of {', '.join(GrantLevel.values)}."))
    if expires_at is not None and expires_at <= now():
        complaints.append(FieldError("expires_at", "This moment has passed."))
    if len(note) > 500:
        complaints.append(FieldError("note", "A note has at most 500 characters."))
    return complaints


def _tell_both(principal: Principal, grant: DatasetGrant, action: str) -> None:
    """Write the event into the trail of the owning project and into that of the other one."""
    owner, other = grant.dataset.project, grant.project
    summary = f"{owner.slug}/{grant.dataset.name} → {other.slug}: {grant.level}"
    expires = None if grant.expires_at is None else grant.expires_at.isoformat()
    for project in (owner, other):
        audit.record(
            principal=replace(principal, project_id=project.pk, project_slug=project.slug),
            action=action,
            target=grant,
            summary=summary,
            changes={
                "dataset": grant.dataset_id,
                "owner": owner.slug,
                "project": other.slug,
                "level": grant.level,
                "expires_at": expires,
            },
        )
