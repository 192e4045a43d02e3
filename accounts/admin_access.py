"""Access in the admin: who may open which page, by project role instead of model permissions."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.admin import RelatedFieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from accounts.errors import NoProject
from accounts.models import Project
from accounts.policy import Permission
from accounts.principals import Principal
from accounts.selectors import in_visible_projects, principal_in_project, visible_projects


class VisibleRowsFilter(RelatedFieldListFilter):
    """Filter a list by a row that it points at; rows of others' projects are not offered."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Return key and text of the rows that the user may see."""
        visible = rows_to_choose(field.remote_field.model, request, model_admin)
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"pk__in": visible.order_by().values("pk")},
        )


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

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Let filters by another row offer the user's own rows only."""
        model: type[Model] = self.model  # type: ignore[attr-defined]
        filters: list[Any] = super().get_list_filter(request)  # type: ignore[misc]
        return [
            (one, VisibleRowsFilter) if _points_at_a_row(model, one) else one for one in filters
        ]

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer the user's own rows only, unless a page has chosen already."""
        if "queryset" not in kwargs:
            kwargs["queryset"] = rows_to_choose(db_field.remote_field.model, request, self)
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(  # type: ignore[misc]
            db_field, request, **kwargs
        )
        return field

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


def rows_to_choose(model: type[Model], request: HttpRequest, page: Any) -> QuerySet[Any]:
    """Return the rows of a model that may be offered to the signed-in user.

    Projects and people are those of the user's projects; other rows are those that their own page in
    the admin would list. What has no page of that kind is offered to superusers only.
    """
    user = cast("User", request.user)
    if model is Project:
        return visible_projects(user)
    if model is User and not user.is_superuser:
        return User.objects.filter(memberships__project__in=visible_projects(user)).distinct()
    own_page = page.admin_site._registry.get(model)
    if isinstance(own_page, ProjectAdminMixin):
        return own_page.get_queryset(request)
    rows = model._default_manager.all()
    return rows if user.is_superuser else rows.none()


def _points_at_a_row(model: type[Model], one: Any) -> bool:
    """Whether an entry of ``list_filter`` is the plain name of a field that points at a row."""
    if not isinstance(one, str):
        return False
    return bool(get_fields_from_path(model, one)[-1].is_relation)
