"""Every page of the admin is opened by everybody, and no page changes anything by being looked at."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import admin
from django.test import Client

from accounts.admin_asking import AskingAdminMixin
from tests.access.addresses import Address, admin_actions, admin_addresses
from tests.access.conftest import told
from tests.access.objects import MARKER, World, all_rows, changed_tables, writes
from tests.access.table import ADMIN_NOT_SHOWN

#: What a person's browser sends when a form is confirmed.
_YES = {"post": "yes", "reason": "because", "comment": "because"}
_FORM = "application/x-www-form-urlencoded"


def every_page(world: World) -> list[tuple[Address, str]]:
    return [(one, one.path(world)) for one in admin_addresses()]


def test_who_is_not_staff_is_led_to_the_login(world: World, staff: Mapping[str, Client]) -> None:
    pages = every_page(world)
    before, wrong = all_rows(), []
    asked = [
        ("anonymous", "GET"),
        ("anonymous", "POST"),
        ("not staff", "GET"),
        ("disabled user", "GET"),
    ]
    for one, path in pages:
        for name, method in asked:
            answer = staff[name].generic(method, path)
            if answer.status_code != 302 or not answer["Location"].startswith("/admin/login/"):
                wrong.append(told(one, method, name, answer.status_code))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_a_member_of_another_project_sees_nothing_and_changes_nothing(
    world: World, staff: Mapping[str, Client]
) -> None:
    name = "other project"
    pages = every_page(world)
    before, wrong = all_rows(), []
    for one, path in pages:
        names_a_row = bool({"object_id", "id"} & set(one.parameters))
        for method in ("GET", "POST") if names_a_row else ("GET",):
            answer = staff[name].generic(method, path, "post=yes", content_type=_FORM)
            is_open = names_a_row and answer.status_code == 200
            shown = answer.content.decode(errors="replace").replace(path, "")
            if is_open or answer.status_code >= 500 or MARKER in shown:
                wrong.append(told(one, method, name, answer.status_code))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_a_viewer_changes_nothing(world: World, staff: Mapping[str, Client]) -> None:
    pages = [(one, path) for one, path in every_page(world) if not _only_shows(one)]
    before, wrong = all_rows(), []
    for one, path in pages:
        answer = staff["viewer"].post(path, _YES)
        if answer.status_code >= 500:
            wrong.append(told(one, "POST", "viewer", answer.status_code))
    assert "\n".join(wrong) == ""
    assert changed_tables(before) == []


def test_no_page_of_a_row_and_no_action_acts_by_being_looked_at(
    world: World, staff: Mapping[str, Client]
) -> None:
    actions = admin_actions()
    assert len(actions) > 20
    rows = [one for one in admin_addresses() if one.name.endswith("_change")]
    pages = [(one, one.path(world)) for one in [*actions, *rows]]
    wrong = []
    for one, path in pages:
        with writes() as written:
            answer = staff["superuser"].get(path)
        is_shown = answer.status_code == 200 or one.name in ADMIN_NOT_SHOWN
        if not is_shown or written:
            wrong.append(told(one, "GET", "superuser", answer.status_code) + f" {written}")
    assert "\n".join(wrong) == ""


def test_whoever_has_actions_asks_before_it_acts() -> None:
    """An action of a room is behind ``ask``, or is a page with a form of its own."""
    for model, page in admin.site._registry.items():
        if model._meta.app_label.startswith(("django_", "auth")):
            continue
        for name in [*getattr(page, "actions_detail", ()), *getattr(page, "actions_row", ())]:
            assert isinstance(page, AskingAdminMixin), f"{type(page).__name__}.{name}"


def _only_shows(one: Address) -> bool:
    """Whether a page takes no form of its own: a list, a history."""
    return one.name.endswith(("_changelist", "_history"))
