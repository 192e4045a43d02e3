"""Every address of the API is asked by everybody: only who may, gets an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from django.db import transaction

from tests.access.addresses import SAFE, Address, addresses, api_addresses, is_named
from tests.access.conftest import Caller, told
from tests.access.objects import MARKER, World, all_rows, changed_tables
from tests.access.table import (
    DIALECTS,
    NOT_FOR_OWNERS,
    NOT_FOR_VIEWERS,
    NOT_MADE,
    PARAMETERS,
    PUBLIC,
    QUERIES,
    READ_BY_POST,
    UNADDRESSED,
    VIEWERS_MAY,
)

WITHOUT_ACCESS = (
    "anonymous",
    "wrong token",
    "expired token",
    "revoked token",
    "disabled user",
    "session of a disabled user",
)


def every_request(world: World) -> list[tuple[Address, str, str]]:
    return [(one, method, one.path(world)) for one in api_addresses() for method in one.methods]


def is_refusal(one: Address, path: str, status: int, text: str, *expected: int) -> bool:
    """Whether an answer is the refusal that the rule asks for."""
    if status in expected or status == 405:
        return True
    for part in re.split(r"[/?=:]", path):
        text = text.replace(part, "") if MARKER in part else text  # what was asked comes back
    return is_named(one.name, DIALECTS) and status < 500 and MARKER not in text


@pytest.mark.parametrize("name", WITHOUT_ACCESS)
def test_without_a_valid_token_nothing_is_answered(
    name: str, world: World, callers: Mapping[str, Caller]
) -> None:
    requests = every_request(world)
    before, wrong = all_rows(), []
    for one, method, path in requests:
        status, text = callers[name].ask(method, path)
        if not is_refusal(one, path, status, text, 401, 403):
            wrong.append(told(one, method, name, status))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_a_scope_that_is_too_narrow_is_refused(world: World, callers: Mapping[str, Caller]) -> None:
    requests = every_request(world)
    before, wrong = all_rows(), []
    for one, method, path in requests:
        if is_named(one.name, DIALECTS):
            continue  # who may predict may also ask what there is to predict with
        if one.name == "predict":
            name = "reads only"
        else:
            reads = method in SAFE or one.name in READ_BY_POST
            name = "predicts only" if reads else "reads only"
        status, text = callers[name].ask(method, path)
        if not is_refusal(one, path, status, text, 403):
            wrong.append(told(one, method, name, status))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_a_session_needs_a_csrf_token_to_change_anything(
    world: World, callers: Mapping[str, Caller]
) -> None:
    name = "session without a CSRF token"
    requests = every_request(world)
    before, wrong = all_rows(), []
    for one, method, path in requests:
        if method in SAFE:
            continue
        status, text = callers[name].ask(method, path)
        if not is_refusal(one, path, status, text, 403):
            wrong.append(told(one, method, name, status))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_another_projects_rows_are_not_found(world: World, callers: Mapping[str, Caller]) -> None:
    name = "other project"
    requests = every_request(world)
    before, wrong = all_rows(), []
    for one, method, path in requests:
        status, text = callers[name].ask(method, path)
        if one.parameters:
            is_right = is_refusal(one, path, status, text, 404)
        else:
            is_right = status < 500 and MARKER not in text
        if not is_right:
            wrong.append(told(one, method, name, status))
    assert "\n".join(wrong) == ""
    assert [one for one in changed_tables(before) if one != "accounts.AuditEvent"] == []


def test_a_viewer_reads_and_writes_nothing(world: World, callers: Mapping[str, Caller]) -> None:
    requests = every_request(world)
    before, wrong = all_rows(), []
    for one, method, path in requests:
        with transaction.atomic():
            status, _ = callers["viewer"].ask(method, path)
            transaction.set_rollback(one.name in VIEWERS_MAY)
        if method in SAFE:
            is_right = (status == 403) == (one.name in NOT_FOR_VIEWERS) and status != 401
        elif one.name in VIEWERS_MAY or is_named(one.name, DIALECTS):
            is_right = status < 500 or status == 503
        else:
            is_right = status == 403
        if not is_right:
            wrong.append(told(one, method, "viewer", status))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_the_owner_finds_every_row_and_no_request_fails(
    world: World, callers: Mapping[str, Caller]
) -> None:
    """The other walks mean something only where the same path leads to a row for somebody."""
    wrong = []
    for one, method, path in every_request(world):
        with transaction.atomic():
            status, text = callers["owner"].ask(method, path)
            transaction.set_rollback(True)
        is_missing = status == 404 and not is_named(one.name, [*NOT_MADE, *DIALECTS])
        is_refused = status in (401, 403) and not is_named(one.name, [*NOT_FOR_OWNERS, *DIALECTS])
        if is_refused or is_missing or (status >= 500 and status != 503):
            wrong.append(told(one, method, "owner", status) + f": {text[:300]}")
    assert "\n".join(wrong) == ""


def test_the_table_speaks_of_addresses_that_exist() -> None:
    present = {one.name for one in addresses()}
    named = {*PUBLIC, *VIEWERS_MAY, *NOT_FOR_VIEWERS, *NOT_FOR_OWNERS, *NOT_MADE, *QUERIES}
    assert named - present == set()
    assert all(any(re.fullmatch(entry, one) for one in present) for entry in DIALECTS)
    parameters = {part for one in addresses() for part in one.parameters}
    parameters |= {f"{one.name}:{part}" for one in addresses() for part in one.parameters}
    assert set(PARAMETERS) - parameters == set()
    assert all(UNADDRESSED.values())
    assert all(PUBLIC.values())
