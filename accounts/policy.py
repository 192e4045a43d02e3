"""The rules of access, in one place: what a role may do, and what a token's scope lets through."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum

from accounts.models import Role, Scope


class Permission(Enum):
    """What can be asked for."""

    VIEW = "view"
    PREDICT = "predict"
    EDIT = "edit"
    DEPLOY = "deploy"
    ADMIN = "admin"

    # Looked up with every request. Members are singletons; Enum would hash their names, in Python.
    __hash__ = object.__hash__


ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW, Permission.PREDICT}),
    Role.EDITOR: frozenset({Permission.VIEW, Permission.PREDICT, Permission.EDIT}),
    Role.DEPLOYER: frozenset(
        {Permission.VIEW, Permission.PREDICT, Permission.EDIT, Permission.DEPLOY}
    ),
    Role.ADMIN: frozenset(Permission),
}

SCOPE_PERMISSIONS: Mapping[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.VIEW}),
    Scope.WRITE: frozenset({Permission.VIEW, Permission.EDIT}),
    Scope.PREDICT: frozenset({Permission.PREDICT}),
    Scope.DEPLOY: frozenset({Permission.VIEW, Permission.DEPLOY}),
    Scope.ADMIN: frozenset(Permission),
}


def allows(*, role: Role, scopes: Collection[Scope] | None, permission: Permission) -> bool:
    """Whether a role, narrowed by a token's scopes (None: not narrowed), includes a permission."""
    if permission not in ROLE_PERMISSIONS[role]:
        return False
    if scopes is None:
        return True
    for scope in scopes:  # noqa: SIM110 (a generator costs more than the look)
        if permission in SCOPE_PERMISSIONS[scope]:
            return True
    return False
