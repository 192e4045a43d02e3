"""Access in the admin: who may open which page, by project role instead of model permissions."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.errors import NoProject
from accounts.models import Project
from accounts.policy import Permission
from accounts.principals import Principal
from accounts.selectors import in_visible_projects, principal_in_project, visible_projects


class ProjectAdminMixin:
    """Show the rows of the user's projects; let members in without per-model permissions.

    ``project_lookup`` is the path from the row to its project. Reading needs a membership; what
    changes a row goes through services, which check the role themselves.
    """

    project_lookup = "project"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the projects that the user may see."""
        queryset = super().get_queryset(request)  # type: ignore[misc]
        return in_visible_projects(queryset, cast("User", request.user), self.project_lookup)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the user is a member of anything."""
        return _is_member(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether the user may look: at lists as a member, at a row as a member of its project."""
        return _is_member(request)

    def principal(self, request: HttpRequest, project: Project) -> Principal:
        """Return the principal of the signed-in user for one project."""
        return principal_in_project(cast("User", request.user), project)

    def may(self, request: HttpRequest, project: Project, permission: Permission) -> bool:
        """Whether the signed-in user has a permission in a project (to show or hide an action)."""
        try:
            return self.principal(request, project).may(permission)
        except NoProject:  # a row of another project that is shared with one of the user's
            return False


def _is_member(request: HttpRequest) -> bool:
    """Whether the user belongs to any project; asked for every entry of the menu, answered once."""
    kept: bool | None = getattr(request, "_is_member", None)
    if kept is None:
        user = request.user
        kept = bool(user.is_active and user.is_staff and visible_projects(user).exists())
        request._is_member = kept  # type: ignore[attr-defined]
    return kept
