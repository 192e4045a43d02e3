"""The principal: who asks, in which project, with which rights. Plain data, no queries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from accounts.errors import PermissionMissing
from accounts.models import Project, Role, Scope
from accounts.policy import Permission, allows


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks for something.

    Parameters
    ----------
    user_id
        The user's key; None for the system itself.
    role
        The role in ``project_id``.
    scopes
        What the token allows; None for a session or the system (no restriction beyond the role).
    """

    user_id: int | None
    username: str
    project_id: int
    project_slug: str
    role: Role
    scopes: frozenset[Scope] | None = None
    token_id: int | None = None
    token_prefix: str = ""
    is_superuser: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether both the role and the token's scopes include the permission."""
        return allows(role=self.role, scopes=self.scopes, permission=permission)

    def require(self, permission: Permission) -> None:
        """Raise :class:`~accounts.errors.PermissionMissing` unless the permission is included."""
        if not self.may(permission):
            raise PermissionMissing(
                f"This needs the permission '{permission.value}' in project '{self.project_slug}'.",
                permission=permission.value,
            )


def scopes_of(values: Collection[str]) -> frozenset[Scope]:
    """Return the scopes that are known among ``values``."""
    return frozenset(Scope(value) for value in values if value in Scope.values)


def system_principal(project: Project) -> Principal:
    """Return the principal for what schedules and triggers do on their own."""
    return Principal(
        user_id=None,
        username="system",
        project_id=project.pk,
        project_slug=project.slug,
        role=Role.ADMIN,
    )


def anonymous_principal(project_id: int, project_slug: str) -> Principal:
    """Return the principal of somebody without a token who asks an endpoint that was opened: predictions only."""
    return Principal(
        user_id=None,
        username="anonymous",
        project_id=project_id,
        project_slug=project_slug,
        role=Role.VIEWER,
        scopes=frozenset({Scope.PREDICT}),
    )
