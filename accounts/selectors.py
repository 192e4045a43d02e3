"""Reads of the accounts room."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from accounts.errors import NoProject, TokenInvalid
from accounts.models import ApiToken, Membership, Project, Role
from accounts.principals import Principal, scopes_of
from core.clock import now


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


def principal_of_token(token: ApiToken) -> Principal:
    """Return the principal that a token stands for.

    Raises
    ------
    TokenInvalid
        The token's user is no longer a member of its project.
    """
    user = token.user
    if user.is_superuser:
        role = Role.ADMIN
    else:
        membership = Membership.objects.filter(project=token.project_id, user=user).first()
        if membership is None:
            raise TokenInvalid("The token's user is not a member of its project any more.")
        role = Role(membership.role)
    return Principal(
        user_id=user.pk,
        username=user.get_username(),
        project_id=token.project_id,
        project_slug=token.project.slug,
        role=role,
        scopes=scopes_of(token.scopes),
        token_id=token.pk,
        token_prefix=token.prefix,
        is_superuser=user.is_superuser,
    )


def principal_of_secret(secret: str) -> Principal:
    """Return the principal of a token's secret.

    Raises
    ------
    TokenInvalid
        No usable token has this secret.
    """
    return principal_of_digest(token_digest(secret))


def principal_of_digest(digest: str) -> Principal:
    """Return the principal of the token that is stored under a digest.

    Raises
    ------
    TokenInvalid
        No usable token is stored under it.
    """
    token = usable_tokens().select_related("user", "project").filter(digest=digest).first()
    if token is None:
        raise TokenInvalid("The token is unknown, expired or revoked.")
    return principal_of_token(token)


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
