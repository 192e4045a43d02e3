"""Who asks, and what answers: decided once for the fast lane and for the views."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from accounts.errors import Unauthenticated
from accounts.policy import Permission
from accounts.principals import Principal, anonymous_principal
from serving.errors import EndpointUnknown, VersionNotServed
from serving.protocols import Address
from serving.routing import Routing
from serving.routing.routes import Route


@dataclass(frozen=True, slots=True)
class Admitted:
    """A caller who may ask, and the route that answers."""

    principal: Principal
    route: Route


def admit(state: Routing, address: Address, secret: str | None) -> Admitted:
    """Return who asks and which route answers.

    Without a token only endpoints that were opened answer, and only at addresses that name their project.

    Parameters
    ----------
    secret
        The bearer token that was sent; None when there was none.

    Raises
    ------
    accounts.errors.TokenInvalid, Unauthenticated
        The token is not good; there is none and the endpoint is not open (or not there, which is not told apart).
    PermissionMissing
        The caller may not predict.
    EndpointUnknown, EndpointStopped, EndpointNotReady, VersionNotServed
        Nothing answers at the address.
    """
    project, name = address.project, address.endpoint
    if not name:
        project, _, name = settings.ROOT_ENDPOINT.partition("/")
        if not name:
            raise EndpointUnknown("The site names no endpoint that answers at this address.")
    if secret is None:
        found = state.open_route(project, name) if project else None
        if found is None:
            raise Unauthenticated("Send an API token: 'Authorization: Bearer …'.")
        principal = anonymous_principal(found.project_id, found.project_slug)
    else:
        principal = state.tokens.principal(secret)
        if project is not None and project != principal.project_slug:
            raise EndpointUnknown(f"There is no endpoint '{name}'.")
    principal.require(Permission.PREDICT)
    route = state.route(principal.project_id, name)
    return Admitted(principal, _version_of(route, address))


def _version_of(route: Route, address: Address) -> Route:
    """Return the route of the version that the address names, if it names one."""
    if address.version is not None and address.version != route.version_number:
        raise VersionNotServed(
            f"Version {address.version} does not answer at '{route.endpoint_name}'."
        )
    if address.alias is not None and address.alias != route.role:
        raise VersionNotServed(
            f"No version with the alias '{address.alias}' answers at '{route.endpoint_name}'."
        )
    return route
