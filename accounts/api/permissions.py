"""The permission check that every API view passes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.api.authentication import principal_of_request
from accounts.policy import Permission

if TYPE_CHECKING:  # rest_framework.views imports this module through its settings
    from rest_framework.views import APIView


class HasProjectPermission(BasePermission):
    """Require the permission that the view names for the method (``required_permissions``).

    A view that names none requires VIEW for safe methods and EDIT for all others.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True, or raise the refusal that says what is missing."""
        principal = principal_of_request(request)
        named: dict[str, Permission] = getattr(view, "required_permissions", {})
        default = Permission.VIEW if request.method in SAFE_METHODS else Permission.EDIT
        action = getattr(view, "action", None) or ""
        principal.require(named.get(action) or named.get(request.method or "") or default)
        return True
