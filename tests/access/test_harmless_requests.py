"""Requests that try to reach further than they may: other owners, hidden fields, endless pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from rest_framework.settings import api_settings

from core.api.pagination import Pagination
from tests.access.addresses import Address, api_addresses
from tests.access.conftest import Caller, told
from tests.access.objects import World, all_rows, changed_tables

#: Fields that decide whose a row is, and what its owner may do.
_OWNING = ("project", "project_id", "owner", "user", "user_id", "created_by", "created_by_id")
_RIGHTS = {"role": "admin", "is_staff": True, "is_superuser": True, "is_active": True}
#: Query strings that ask for what is not offered.
_REACHING = (
    "ordering=user__password",
    "ordering=-created_by__password,id",
    "ordering=project__memberships__user__password",
    "user__password__startswith=a&created_by__is_superuser=1&project=2&no_such_filter=1",
    "page_size=1000000000",
    "page=999999999999999999999",
    "page_size=-1&page=0",
    "search=%27%20OR%201%3D1%20--%20&q=%00",
)


def _lists(world: World) -> list[tuple[Address, str]]:
    found = [one for one in api_addresses() if "GET" in one.methods and _is_a_list(one)]
    assert len(found) > 15
    return [(one, one.path(world)) for one in found]


def _is_a_list(one: Address) -> bool:
    return one.model is not None and not one.parameters


def test_nobody_gives_rows_away_or_takes_rights(
    world: World, callers: Mapping[str, Caller]
) -> None:
    rights = dict(_RIGHTS) | {"id": 4711, "pk": 4711}
    body = json.dumps(rights | dict.fromkeys(_OWNING, world.other.pk))
    requests = [
        (one, method, one.path(world))
        for one in api_addresses()
        for method in ("PATCH", "PUT")
        if method in one.methods
    ]
    assert len(requests) > 4
    before, wrong = all_rows(), []
    for one, method, path in requests:
        status, text = callers["owner"].ask(method, path, body)
        changed = [label for label in changed_tables(before) if label != "accounts.AuditEvent"]
        if status >= 500 or changed:
            wrong.append(told(one, method, "owner", status) + f" {changed} {text[:200]}")
    assert "\n".join(wrong) == ""


def test_new_rows_are_those_of_the_caller(world: World, callers: Mapping[str, Caller]) -> None:
    """Whatever a creating request says, nothing comes to be in another project."""
    body = json.dumps(
        {**_RIGHTS, **dict.fromkeys(_OWNING, world.other.pk), "name": "taken", "slug": "taken"}
    )
    requests = [(one, one.path(world)) for one in api_addresses() if "POST" in one.methods]
    before, wrong = _rows_of(world.other), []
    for one, path in requests:
        with transaction.atomic():
            status, text = callers["owner"].ask("POST", path, body)
            after = _rows_of(world.other)
            transaction.set_rollback(True)
        if (status >= 500 and status != 503) or before != after:
            wrong.append(told(one, "POST", "owner", status) + f" {text[:200]}")
    assert "\n".join(wrong) == ""


def _rows_of(project: object) -> dict[str, int]:
    """Return how many rows of each kind point at a project."""
    related = project._meta.related_objects  # type: ignore[attr-defined]
    return {
        one.get_accessor_name(): getattr(project, one.get_accessor_name()).count()
        for one in related
        if one.one_to_many
    }


def test_a_list_shows_no_more_than_it_offers(world: World, callers: Mapping[str, Caller]) -> None:
    before, wrong = all_rows(), []
    for one, path in _lists(world):
        for query in _REACHING:
            status, text = callers["owner"].ask("GET", f"{path}?{query}")
            if status not in (200, 400, 404, 422):
                wrong.append(told(one, "GET", "owner", status) + f" ?{query} {text[:200]}")
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_an_ordering_that_is_not_offered_changes_no_order(
    world: World, callers: Mapping[str, Caller]
) -> None:
    wrong = []
    for one, path in _lists(world):
        _, plain = callers["owner"].ask("GET", path)
        _, ordered = callers["owner"].ask("GET", f"{path}?ordering=user__password")
        if json.loads(plain).get("results") != json.loads(ordered).get("results"):
            wrong.append(one.name)
    assert wrong == []


def test_pages_are_bounded() -> None:
    usual: Any = api_settings.DEFAULT_PAGINATION_CLASS
    assert issubclass(usual, Pagination)
    assert Pagination.max_page_size == 500
    for one in api_addresses():
        pagination = getattr(one.view, "pagination_class", None)
        if pagination is not None:
            limit = getattr(pagination, "max_page_size", None) or getattr(
                pagination, "max_limit", None
            )
            assert limit is not None, f"the pages of {one.name} have no bound"
            assert limit <= 1000, f"the pages of {one.name} are too long"
