"""Views that show one project's objects only."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet

from accounts.api.authentication import principal_of_request
from accounts.principals import Principal


class ProjectScopedMixin:
    """Filter a generic view's queryset by the caller's project; other projects' objects are 404."""

    project_lookup = "project"

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return principal_of_request(self.request)  # type: ignore[attr-defined]

    def get_queryset(self) -> QuerySet[Any]:
        """Return the view's queryset, kept to the caller's project."""
        queryset = cast("QuerySet[Any]", super().get_queryset())  # type: ignore[misc]
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.filter(**{f"{self.project_lookup}_id": self.principal.project_id})
