"""Writes of the accounts room."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from accounts import audit
from accounts.errors import PermissionMissing, ScopeUnknown
from accounts.models import ApiToken, Membership, Project, Role, Scope
from accounts.policy import Permission
from accounts.principals import Principal
from accounts.selectors import token_digest
from core.clock import now
from core.errors import Invalid, NotFound

#: What a token begins with, so that secret scanners can recognise one.
TOKEN_MARK = "mls_"  # noqa: S105 (a mark, no secret)
_PREFIX_LENGTH = 12


@transaction.atomic
def create_project(*, user: User, name: str, slug: str) -> Project:
    """Create a project with ``user`` as its first administrator."""
    project = Project.objects.create(name=name, slug=slug)
    Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    principal = Principal(
        user_id=user.pk,
        username=user.get_username(),
        project_id=project.pk,
        project_slug=project.slug,
        role=Role.ADMIN,
    )
    audit.record(principal=principal, action="project.created", target=project)
    return project


@transaction.atomic
def set_membership(*, principal: Principal, user: User, role: Role | None) -> None:
    """Give a user a role in the principal's project; None takes the membership away.

    Raises
    ------
    accounts.errors.PermissionMissing
        The caller does not administer the project.
    Invalid
        The project would be left without an administrator.
    """
    principal.require(Permission.ADMIN)
    project = Project.objects.select_for_update().get(pk=principal.project_id)
    present = Membership.objects.filter(project=project, user=user).first()
    old = present.role if present else None
    others = Membership.objects.filter(project=project, role=Role.ADMIN).exclude(user=user)
    if old == Role.ADMIN and role != Role.ADMIN and not others.exists():
        raise Invalid("A project keeps at least one administrator.", field="role")
    if role is None:
        if present is not None:
            present.delete()
    else:
        Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})
    audit.record(
        principal=principal,
        action="membership.changed",
        target=project,
        summary=f"{user.get_username()}: {old or 'none'} → {role or 'none'}",
        changes={"user": user.get_username(), "role": [old, role]},
    )


@transaction.atomic
def create_token(
    *,
    user: User,
    project: Project,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    principal: Principal | None = None,
) -> tuple[ApiToken, str]:
    """Create an API token and return it with its secret, which is shown this once only.

    Raises
    ------
    ScopeUnknown
        A scope is not one of :class:`~accounts.models.Scope`.
    Invalid
        The token would expire in the past.
    """
    unknown = [scope for scope in scopes if scope not in Scope.values]
    if unknown or not scopes:
        known = ", ".join(Scope.values)
        raise ScopeUnknown(f"Choose scopes among {known}.", field="scopes")
    if expires_at is not None and expires_at <= now():
        raise Invalid("The expiry lies in the past.", field="expires_at")
    secret = TOKEN_MARK + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        project=project,
        user=user,
        name=name,
        prefix=secret[:_PREFIX_LENGTH],
        digest=token_digest(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    actor = principal or Principal(
        user_id=user.pk,
        username=user.get_username(),
        project_id=project.pk,
        project_slug=project.slug,
        role=Role.ADMIN,
    )
    audit.record(
        principal=actor,
        action="api_token.created",
        target=token,
        summary=f"{name} for {user.get_username()}",
        changes={"scopes": token.scopes},
    )
    return token, secret


def _may_write(principal: Principal) -> bool:
    return principal.scopes is None or bool(principal.scopes & {Scope.WRITE, Scope.ADMIN})


@transaction.atomic
def revoke_token(*, principal: Principal, token: ApiToken) -> ApiToken:
    """Make a token useless from now on; a second call changes nothing.

    Raises
    ------
    NotFound
        The token belongs to another project.
    accounts.errors.PermissionMissing
        The token is somebody else's and the caller does not administer the project; or the caller
        holds another token that may only read or predict.
    """
    if token.project_id != principal.project_id:
        raise NotFound
    if token.user_id != principal.user_id:
        principal.require(Permission.ADMIN)
    elif token.pk != principal.token_id and not _may_write(principal):
        raise PermissionMissing("This needs a token whose scopes include 'write' or 'admin'.")
    changed = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now())
    if changed:
        audit.record(principal=principal, action="api_token.revoked", target=token)
    token.refresh_from_db()
    return token
