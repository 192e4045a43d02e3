"""A world with a row of everything, and everybody who might ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import ApiToken, Role, Scope
from accounts.services import create_token
from core.clock import now
from tests.access.addresses import Address, addresses
from tests.access.objects import World


@dataclass(frozen=True)
class Caller:
    """Somebody who asks; ``headers`` is what they send with each request."""

    name: str
    client: Client
    headers: Mapping[str, str]

    def ask(
        self, method: str, path: str, body: str = "{}", content_type: str = "application/json"
    ) -> tuple[int, str]:
        """Return status and text of the answer; what a view raises is a 500, as in the real site."""
        answer = self.client.generic(
            method,
            path,
            data="" if method in ("GET", "HEAD") else body,
            content_type=content_type,
            headers=dict(self.headers),
        )
        content = b"".join(answer) if answer.streaming else answer.content
        return answer.status_code, content.decode(errors="replace")


@pytest.fixture
def world(db: None) -> World:
    """A project with a row of every model that an address speaks of."""
    made = World()
    for one in addresses():
        if one.model is not None:
            made.row(one.model)
    return made


@pytest.fixture
def callers(world: World) -> Mapping[str, Caller]:
    """Everybody who asks the API, by name."""
    viewer = world.member(Role.VIEWER, world.project, name="viewer")
    gone = world.member(Role.ADMIN, world.project, name="gone")
    stranger = world.member(Role.ADMIN, world.other, name="stranger")
    everything = list(Scope.values)

    def with_token(name: str, user: User, scopes: list[str], **changes: object) -> Caller:
        home = world.other if user == stranger else world.project
        token, secret = create_token(user=user, project=home, name=name, scopes=scopes)
        ApiToken.objects.filter(pk=token.pk).update(**changes)
        return Caller(name, quiet(), {"Authorization": f"Bearer {secret}"})

    found = [
        Caller("anonymous", quiet(), {}),
        Caller("wrong token", quiet(), {"Authorization": "Bearer mls_" + "0" * 43}),
        with_token(
            "expired token", world.owner, everything, expires_at=now() - timedelta(seconds=1)
        ),
        with_token("revoked token", world.owner, everything, revoked_at=now()),
        with_token("disabled user", gone, everything),
        with_token("predicts only", world.owner, [Scope.PREDICT]),
        with_token("reads only", world.owner, [Scope.READ]),
        with_token("viewer", viewer, everything),
        with_token("other project", stranger, everything),
        with_token("owner", world.owner, everything),
        Caller("session without a CSRF token", signed_in(world.owner, checks_csrf=True), {}),
        Caller("session of a disabled user", signed_in(gone), {}),
    ]
    User.objects.filter(pk=gone.pk).update(is_active=False)
    return {one.name: one for one in found}


@pytest.fixture
def staff(world: World) -> Mapping[str, Client]:
    """Everybody who opens the admin, by name."""
    disabled = world.member(Role.ADMIN, world.project, name="disabled")
    found = {
        "anonymous": quiet(),
        "not staff": signed_in(
            world.member(Role.ADMIN, world.project, name="no-staff", is_staff=False)
        ),
        "disabled user": signed_in(disabled),
        "other project": signed_in(world.member(Role.ADMIN, world.other, name="elsewhere")),
        "viewer": signed_in(world.member(Role.VIEWER, world.project, name="looks-only")),
        "superuser": signed_in(User.objects.create_superuser("root", password="a long passphrase")),
    }
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    return found


def quiet(*, checks_csrf: bool = False) -> Client:
    """Return a client that answers 500 where a view raises, as the real site does."""
    return Client(raise_request_exception=False, enforce_csrf_checks=checks_csrf)


def signed_in(user: User, *, checks_csrf: bool = False) -> Client:
    """Return a client with a session."""
    client = quiet(checks_csrf=checks_csrf)
    client.force_login(user)
    return client


def told(one: Address, method: str, caller: str, status: int) -> str:
    """Return a line that says what was seen."""
    return f"{caller}: {method} {one.name} ({one.route}) → {status}"
