"""Who asks, and what answers: decided once for the fast lane and for the views."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

from django.conf import settings

from accounts.errors import Unauthenticated
from accounts.policy import Permission
from accounts.principals import Principal, anonymous_principal
from core.errors import Invalid
from serving.errors import EndpointUnknown
from serving.protocols import Address, Codec
from serving.routing import Routing, Traffic
from serving.routing.routes import Route


class Admitted(NamedTuple):
    """A caller who may ask, and the route that answers.

    Attributes
    ----------
    traffic
        What is at work at the endpoint, when there is more than one version and none was asked for.
    entity_key
        Whom the caller says that the request is about; empty when it does not.
    chooses_by_column
        Whether the route is chosen anew when the first instance has been read.
    """

    principal: Principal
    route: Route
    traffic: Traffic | None = None
    entity_key: str = ""
    chooses_by_column: bool = False


class Asked(NamedTuple):
    """What is known of a request before its body is read.

    Attributes
    ----------
    content_type
        In lower case and without spaces.
    """

    codec: Codec
    content_type: str
    admitted: Admitted


#: What tells callers apart: path, ``Authorization``, ``Content-Type`` and ``Host`` as they were sent.
Caller = tuple[str | None, str | None, str | None, str | None]
Admissions = dict[Caller, Asked]


def admit(
    state: Routing, address: Address, secret: str | None, *, entity_key: str = ""
) -> Admitted:
    """Return who asks and which route answers.

    Without a token only endpoints that were opened answer, and only at addresses that name their project.

    Parameters
    ----------
    secret
        The bearer token that was sent; None when there was none.
    entity_key
        The header ``X-Entity-Key``: whom the request is about.

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
    return admit_principal(state, principal, name, address, entity_key)


def admit_principal(
    state: Routing, principal: Principal, name: str, address: Address, entity_key: str = ""
) -> Admitted:
    """Return which route answers a caller who is known.

    Parameters
    ----------
    entity_key
        The header as WSGI hands it over.

    Raises
    ------
    DomainError
        As :func:`admit` does.
    """
    principal.require(Permission.PREDICT)
    if entity_key:
        entity_key = as_meant(entity_key)
        if len(entity_key) > _LONGEST_KEY:
            raise Invalid(f"At most {_LONGEST_KEY} characters.", field=ENTITY_KEY)
    traffic = state.traffic(principal.project_id, name)
    if address.version is not None or address.alias is not None:
        may_load = principal.may(Permission.EDIT) or principal.may(Permission.DEPLOY)
        route = state.addressed(
            traffic, version=address.version, alias=address.alias, may_load=may_load
        )
        return Admitted(principal, route, None, entity_key)
    if traffic.is_plain:
        return Admitted(principal, traffic.usual, None, entity_key)
    if not traffic.canaries:
        return Admitted(principal, traffic.usual, traffic, entity_key)
    if entity_key or not traffic.entity_column:
        route = traffic.choose(entity_key or key_of(principal))
        return Admitted(principal, route, traffic, entity_key)
    return Admitted(principal, traffic.usual, traffic, chooses_by_column=True)


def as_meant(header: str) -> str:
    """Return a header whose bytes are UTF-8 as that text; WSGI hands bytes over as Latin-1.

    Examples
    --------
    >>> as_meant("Zw\u00c3\u00b6lf"), as_meant("Zw\u00f6lf"), as_meant("plain")
    ('Zwölf', 'Zwölf', 'plain')
    """
    if header.isascii():
        return header
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def key_of(principal: Principal) -> str:
    """Return what stays the same between the requests of one caller; of strangers nothing does."""
    if principal.token_prefix:
        return principal.token_prefix
    return os.urandom(8).hex() if principal.user_id is None else f"user {principal.user_id}"


def addressed(address: Address, version: str | None, alias: str | None) -> Address:
    """Return an address with what the headers ``X-Model-Version`` and ``X-Model-Alias`` say.

    Raises
    ------
    Invalid
        The version is no number, or the headers and the path ask for different versions.
    """
    if version is not None:
        if not (version.isascii() and version.isdigit() and len(version) < _MOST_DIGITS):
            raise Invalid("The number of a version is needed.", field=MODEL_VERSION)
        if address.version not in (None, int(version)) or address.alias is not None:
            raise Invalid("The path asks for another version.", field=MODEL_VERSION)
        address = replace(address, version=int(version))
    if alias is not None:
        if address.version is not None or address.alias not in (None, alias):
            raise Invalid("Ask for a version or for an alias, once.", field=MODEL_ALIAS)
        address = replace(address, alias=alias)
    return address


ENTITY_KEY = "X-Entity-Key"
MODEL_VERSION = "X-Model-Version"
MODEL_ALIAS = "X-Model-Alias"
_LONGEST_KEY = 200
_MOST_DIGITS = 10
