"""Reads of the accounts room."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from accounts.errors import NoProject, TokenInvalid
from accounts.models import ApiToken, Membership, Project, Role
from accounts.principals import Principal, scopes_of
from core.clock import now

#: Databases limit the number of parameters of a query.
_MOST_AT_ONCE = 500


def token_digest(secret: str) -> str:
    """Return the SHA-256 (hex) under which a token is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def usable_tokens() -> QuerySet[ApiToken]:
    """Return the tokens that are neither revoked nor expired and whose user is active."""
    return ApiToken.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now()),
        revoked_at__isnull=True,
        user__is_active=True,
    )


def principals_of_digests(digests: Collection[str]) -> dict[str, Principal]:
    """Return the principals of those tokens that are usable now, by the digests they are stored under.

    A token of a user who is no longer a member of its project is left out. Takes two queries for some
    hundred tokens.
    """
    found: dict[str, Principal] = {}
    wanted = list(digests)
    for start in range(0, len(wanted), _MOST_AT_ONCE):
        part = wanted[start : start + _MOST_AT_ONCE]
        tokens = list(usable_tokens().select_related("user", "project").filter(digest__in=part))
        members = Membership.objects.filter(user__in={token.user_id for token in tokens})
        roles = {(one.project_id, one.user_id): Role(one.role) for one in members}
        for token in tokens:
            is_superuser = token.user.is_superuser
            role = Role.ADMIN if is_superuser else roles.get((token.project_id, token.user_id))
            if role is not None:
                found[token.digest] = _principal_of(token, role)
    return found


def principal_of_secret(secret: str) -> Principal:
    """Return the principal of a token's secret.

    Raises
    ------
    TokenInvalid
        No usable token has this secret.
    """
    digest = token_digest(secret)
    principal = principals_of_digests([digest]).get(digest)
    if principal is None:
        raise TokenInvalid(
            "The token is unknown, expired or revoked, or its user left the project."
        )
    return principal


def _principal_of(token: ApiToken, role: Role) -> Principal:
    return Principal(
        user_id=token.user_id,
        username=token.user.get_username(),
        project_id=token.project_id,
        project_slug=token.project.slug,
        role=role,
        scopes=scopes_of(token.scopes),
        token_id=token.pk,
        token_prefix=token.prefix,
        is_superuser=token.user.is_superuser,
    )


def principal_of_user(user: User, project_slug: str | None = None) -> Principal:
    """Return the principal of a signed-in user in the named project, else in their first one.

    Raises
    ------
    NoProject
        The user is not a member of that project, or of any.
    """
    projects = Project.objects.all()
    if project_slug:
        projects = projects.filter(slug=project_slug)
    if user.is_superuser:
        project = projects.order_by("pk").first()
        role = Role.ADMIN
    else:
        membership = (
            Membership.objects.filter(user=user, project__in=projects)
            .select_related("project")
            .order_by("pk")
            .first()
        )
        project = membership.project if membership else None
        role = Role(membership.role) if membership else Role.VIEWER
    if project is None:
        named = f" '{project_slug}'" if project_slug else ""
        raise NoProject(f"You are not a member of a project{named}.")
    return Principal(
        user_id=user.pk,
        username=user.get_username(),
        project_id=project.pk,
        project_slug=project.slug,
        role=role,
        is_superuser=user.is_superuser,
    )


def principal_in_project(user: User, project: Project) -> Principal:
    """Return the principal of a signed-in user for one project's object (used by the admin)."""
    return principal_of_user(user, project.slug)


def visible_projects(user: User | AnonymousUser) -> QuerySet[Project]:
    """Return the projects that a user may see."""
    if not isinstance(user, User):
        return Project.objects.none()
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user)


def in_visible_projects(queryset: QuerySet[Any], user: User, lookup: str) -> QuerySet[Any]:
    """Keep the rows whose project (at ``lookup``) the user may see."""
    if user.is_superuser:
        return queryset
    return queryset.filter(**{f"{lookup}__in": visible_projects(user)})
