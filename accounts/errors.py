"""Named refusals of the accounts room."""

from __future__ import annotations

from core.errors import Conflict, Forbidden, Invalid, Unauthenticated

__all__ = [
    "AuditTrailIsAppendOnly",
    "NoProject",
    "PermissionMissing",
    "ScopeUnknown",
    "TokenInvalid",
    "Unauthenticated",
]


class AuditTrailIsAppendOnly(Conflict):
    """Somebody tried to change or delete an audit event."""

    code = "audit_trail_is_append_only"
    title = "Audit events are never changed or deleted"


class PermissionMissing(Forbidden):
    """The caller's role or token does not include the permission."""

    code = "permission_missing"
    title = "Your role or token does not allow this"


class TokenInvalid(Unauthenticated):
    """The token is unknown, expired or revoked, or its user was disabled."""

    code = "token_invalid"
    title = "The API token is not valid"


class NoProject(Forbidden):
    """The caller is not a member of any project, or not of the one that was named."""

    code = "no_project"
    title = "You are not a member of this project"


class ScopeUnknown(Invalid):
    """A token was asked for with a scope that does not exist."""

    code = "scope_unknown"
    title = "This scope does not exist"
