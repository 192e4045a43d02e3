"""The command behind `./mlops token`."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiToken, Project
from accounts.principals import Principal
from accounts.selectors import token_digest


def _output(**options: object) -> str:
    stream = io.StringIO()
    call_command("create_token", stdout=stream, **options)
    return stream.getvalue()


def test_only_the_token_is_printed(principal: Principal) -> None:
    printed = _output(user=principal.username)
    token = ApiToken.objects.get()
    assert printed.count("\n") == 1
    assert token.digest == token_digest(printed.strip())
    assert token.expires_at is not None


def test_scopes_may_be_separated_by_commas_or_blanks(principal: Principal) -> None:
    _output(user=principal.username, scopes=["read,predict", "write"])
    assert ApiToken.objects.get().scopes == ["predict", "read", "write"]


def test_what_does_not_exist_is_named(principal: Principal, project: Project) -> None:
    with pytest.raises(CommandError, match="no active user 'nobody'"):
        _output(user="nobody")
    with pytest.raises(CommandError, match=f"no project 'nowhere'; there are: {project.slug}"):
        _output(user=principal.username, project="nowhere")
    with pytest.raises(CommandError, match="Choose scopes among"):
        _output(user=principal.username, scopes=["everything"])
