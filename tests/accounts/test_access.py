"""Roles, scopes and tokens."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from accounts import audit, services
from accounts.errors import AuditTrailIsAppendOnly, PermissionMissing, ScopeUnknown
from accounts.models import ApiToken, AuditEvent, Membership, Project, Role, Scope
from accounts.policy import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, Permission, allows
from accounts.principals import Principal
from accounts.selectors import principal_of_user
from core.clock import now
from core.errors import Invalid

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("lower", "higher"), [(Role.VIEWER, Role.EDITOR), (Role.EDITOR, Role.DEPLOYER)]
)
def test_a_higher_role_includes_the_lower(lower: Role, higher: Role) -> None:
    assert ROLE_PERMISSIONS[lower] < ROLE_PERMISSIONS[higher] < ROLE_PERMISSIONS[Role.ADMIN]


@pytest.mark.parametrize(
    ("role", "scope", "permission"), list(itertools.product(Role, Scope, Permission))
)
def test_a_token_allows_what_both_its_role_and_its_scope_allow(
    role: Role, scope: Scope, permission: Permission
) -> None:
    expected = permission in ROLE_PERMISSIONS[role] and permission in SCOPE_PERMISSIONS[scope]
    assert allows(role=role, scopes={scope}, permission=permission) is expected


def test_no_scope_allows_nothing() -> None:
    assert not any(allows(role=Role.ADMIN, scopes=[], permission=one) for one in Permission)


def token_client(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def secret(user: User, project: Project) -> str:
    return services.create_token(user=user, project=project, name="t", scopes=["read"])[1]


def test_only_a_digest_of_the_secret_is_kept(secret: str) -> None:
    token = ApiToken.objects.get()
    kept = {str(getattr(token, field.attname)) for field in ApiToken._meta.concrete_fields}
    assert secret not in kept
    assert secret.startswith(token.prefix)


def test_a_token_opens_its_project(secret: str) -> None:
    assert token_client(secret).get("/api/v1/projects/").json()["results"][0]["slug"] == "demo"


@pytest.mark.parametrize("change", ["revoked", "expired", "disabled", "not_a_member", "wrong"])
def test_a_token_that_lost_its_ground_is_refused(secret: str, user: User, change: str) -> None:
    if change == "revoked":
        principal = principal_of_user(user)
        services.revoke_token(principal=principal, token=ApiToken.objects.get())
    elif change == "expired":
        ApiToken.objects.update(expires_at=now() - timedelta(seconds=1))
    elif change == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif change == "not_a_member":
        Membership.objects.filter(user=user).delete()
    else:
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    response = token_client(secret).get("/api/v1/projects/")
    assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
    assert response["WWW-Authenticate"] == "Bearer"


def test_without_a_token_nothing_is_shown() -> None:
    assert APIClient().get("/api/v1/jobs/").status_code == 401


def test_a_read_token_of_an_administrator_cannot_write(api: Callable[..., Any]) -> None:
    reader = api(Role.ADMIN, scopes=["read"])
    body = {"name": "x", "scopes": ["admin"]}
    response = reader.post("/api/v1/tokens/", body)
    assert (response.status_code, response.json()["code"]) == (403, "permission_missing")


def test_an_unknown_scope_is_refused(user: User, project: Project) -> None:
    with pytest.raises(ScopeUnknown):
        services.create_token(user=user, project=project, name="t", scopes=["root"])
    with pytest.raises(Invalid):
        services.create_token(
            user=user, project=project, name="t", scopes=["read"], expires_at=now()
        )


def test_a_new_token_shows_its_secret_once(api: Callable[..., Any]) -> None:
    client = api()
    made = client.post("/api/v1/tokens/", {"name": "ci", "scopes": ["read", "predict"]})
    assert made.status_code == 201
    assert token_client(made.json()["token"]).get("/api/v1/projects/").status_code == 200
    listed = client.get("/api/v1/tokens/").json()["results"]
    assert all("token" not in one for one in listed)


def test_only_an_administrator_changes_members(
    principal: Principal, principal_as: Callable[[Role], Principal], user: User
) -> None:
    with pytest.raises(PermissionMissing):
        services.set_membership(principal=principal_as(Role.DEPLOYER), user=user, role=Role.ADMIN)
    services.set_membership(principal=principal, user=user, role=Role.DEPLOYER)
    assert Membership.objects.get(user=user).role == Role.DEPLOYER
    services.set_membership(principal=principal, user=user, role=None)
    assert not Membership.objects.filter(user=user).exists()


def test_the_last_administrator_stays(principal: Principal) -> None:
    assert principal.user_id is not None
    last = User.objects.get(pk=principal.user_id)
    with pytest.raises(Invalid):
        services.set_membership(principal=principal, user=last, role=None)


def test_the_audit_trail_only_grows(principal: Principal, project: Project) -> None:
    event = audit.record(principal=principal, action="project.looked_at", target=project)
    event.summary = "forged"
    with pytest.raises(AuditTrailIsAppendOnly):
        event.save()
    with pytest.raises(AuditTrailIsAppendOnly):
        event.delete()
    assert AuditEvent.objects.get(pk=event.pk).summary == ""


def test_a_session_chooses_its_project_by_header(
    client: Any, user: User, other_project: Project
) -> None:
    client.force_login(user)
    assert client.get("/api/v1/projects/").json()["results"][0]["slug"] == "demo"
    refused = client.get("/api/v1/projects/", headers={"X-Project": "other"})
    assert (refused.status_code, refused.json()["code"]) == (403, "no_project")
