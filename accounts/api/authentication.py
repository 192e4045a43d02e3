"""Who calls the REST API: a bearer token, or a signed-in session."""

from __future__ import annotations

from django.contrib.auth.models import User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts.errors import Unauthenticated
from accounts.principals import Principal
from accounts.selectors import principal_of_secret, principal_of_user


class BearerTokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer mls_…``; ``request.auth`` becomes the :class:`Principal`."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        """Return user and principal, or None when no bearer token was sent."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        principal = self.principal_of(secret.strip())
        assert principal.user_id is not None, "a token belongs to a user"
        return self.user_of(principal.user_id), principal

    def principal_of(self, secret: str) -> Principal:
        """Return whose token has this secret.

        Raises
        ------
        TokenInvalid
            No usable token has it.
        """
        return principal_of_secret(secret)

    def user_of(self, user_id: int) -> User:
        """Return the user of a token."""
        return User.objects.get(pk=user_id)

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 answer asks for."""
        return "Bearer"


class ProjectSessionAuthentication(SessionAuthentication):
    """A session of the admin; the header ``X-Project`` chooses the project."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        """Return user and principal, or None when nobody is signed in."""
        found = super().authenticate(request)
        if found is None:
            return None
        user: User = found[0]
        return user, principal_of_user(user, request.headers.get("X-Project"))


def principal_of_request(request: Request) -> Principal:
    """Return the principal that authentication found.

    Raises
    ------
    Unauthenticated
        Nobody was found.
    """
    if not isinstance(request.auth, Principal):
        raise Unauthenticated("Send an API token: 'Authorization: Bearer …'.")
    return request.auth


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the bearer token to OpenAPI."""

    target_class = BearerTokenAuthentication
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the session cookie to OpenAPI."""

    target_class = ProjectSessionAuthentication
    name = "sessionAuth"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the OpenAPI security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
