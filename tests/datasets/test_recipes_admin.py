"""Recipes in the admin: written, revised, tried on data, cloned."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from datasets.models import DatasetVersion, Recipe
from datasets.services import create_recipe
from tests.datasets.test_recipes_api import ROWS, STEPS
from tests.forms import filled_in

LIST = "/admin/datasets/recipe/"


def test_a_recipe_is_written_revised_tried_and_cloned(
    client: Client,
    admin_user_: User,
    project: Project,
    ingested: Callable[..., DatasetVersion],
) -> None:
    client.force_login(admin_user_)
    assert client.get(f"{LIST}add/").status_code == 200
    form = {"project": project.pk, "name": "basic", "steps": json.dumps(STEPS)}
    wrong = client.post(f"{LIST}add/", {**form, "steps": '[{"kind": "fill"}]'})
    assert "steps[0].columns: is missing" in wrong.content.decode()
    assert client.post(f"{LIST}add/", form).status_code == 302
    recipe = Recipe.objects.get()
    page = f"{LIST}{recipe.pk}/change/"
    assert "target_encoding" in client.get(page).content.decode()
    more = json.dumps([*STEPS, {"kind": "drop", "columns": ["at"]}])
    changed = {**form, "steps": more, "based_on": 1, "name": "better"}
    answer = client.post(page, changed)
    assert answer.status_code == 302, answer.content
    assert recipe.revisions.count() == 2
    assert Recipe.objects.get().name == "better"
    version = ingested(ROWS)
    shown = client.get(f"{LIST}{recipe.pk}/try/?dataset_version={version.pk}").content.decode()
    assert "3 rows" in shown
    assert "step 1" in shown
    client.post(f"{LIST}{recipe.pk}/clone/", {"name": "copy"})
    assert Recipe.objects.filter(name="copy").exists()
    client.post(f"{LIST}{recipe.pk}/remove/")
    assert not Recipe.objects.filter(name="better").exists()
    assert client.get(LIST).status_code == 200


@pytest.fixture
def editor(client: Client, make_user: Callable[..., User]) -> Client:
    """Return a browser in which an editor of the project is signed in."""
    member = make_user(Role.EDITOR)
    member.is_staff = True
    member.save()
    client.force_login(member)
    return client


def pressed(client: Client, address: str, page: str, **changes: Any) -> str:
    """Return the page after a form was sent as it stands on the page before, with some changes."""
    data = filled_in(page.split('id="recipe_form"')[1].split("</form>")[0])
    for button in ("_save", "_continue", "do"):
        data.pop(button, None)
    for name, value in changes.items():
        data.setlist(name.replace("__", "-"), value if isinstance(value, list) else [value])
    answer = client.post(address, data.urlencode(), "application/x-www-form-urlencoded")
    assert answer.status_code in (200, 302), answer.content
    return answer.content.decode()


def test_a_recipe_is_put_together_step_by_step_without_any_script(
    editor: Client, ingested: Callable[..., DatasetVersion]
) -> None:
    version = ingested(ROWS)
    address = f"{LIST}add/"
    page = editor.get(address).content.decode()
    assert str(version) in page
    page = pressed(editor, address, page, do="add", new_kind="scale", name="stepwise")
    page = pressed(editor, address, page, do="add", new_kind="date_parts", step__0__columns="age")
    page = pressed(editor, address, page, do="up:1")
    assert page.index('value="date_parts"') < page.index('value="scale">')
    page = pressed(editor, address, page, _save="1", step__1__method="robust")
    assert len(re.findall(r">\s*is missing\s*<", page)) == 2
    assert not Recipe.objects.exists()
    chosen = {"step__0__columns": "at", "step__0__parts": ["hour", "weekday"]}
    page = pressed(editor, address, page, do="offer", **chosen)
    assert 'value="at_hour"' in page  # what a step makes is offered to those behind it
    page = pressed(editor, address, page, do="try", step__1__columns=["age", "city"], target="paid")
    assert "is text, and number is needed" in page
    page = pressed(editor, address, page, do="try", step__1__columns=["age", "at_hour"])
    assert "fitted on 3 rows" in page
    assert pressed(editor, address, page, _save="1", note="by hand") == ""
    recipe = Recipe.objects.get()
    assert recipe.revisions.get().steps == [
        {"kind": "date_parts", "columns": ["at"], "parts": ["weekday", "hour"], "time_zone": "UTC", "keep": False},
        {"kind": "scale", "columns": ["age", "at_hour"], "method": "robust"},
    ]  # fmt: skip
    assert AuditEvent.objects.filter(action="recipe.created").count() == 1


def test_a_recipe_that_is_saved_untouched_has_no_other_revision(
    editor: Client, principal: Principal, ingested: Callable[..., DatasetVersion]
) -> None:
    ingested(ROWS)
    recipe = create_recipe(principal=principal, name="basic", steps=STEPS)
    address = f"{LIST}{recipe.pk}/change/"
    page = editor.get(address).content.decode()
    assert pressed(editor, address, page, _continue="1") == ""
    assert recipe.revisions.count() == 1
    page = pressed(editor, address, page, do="json")
    assert "&quot;strategy&quot;: &quot;mean&quot;" in page
    page = pressed(editor, address, page, do="fields")
    assert pressed(editor, address, page, _save="1", step__0__strategy="median") == ""
    assert recipe.revisions.count() == 2
    stale = pressed(editor, address, page, _save="1", step__0__strategy="most_frequent")
    assert "Revision 2 was saved meanwhile" in stale
    named = editor.get(f"{address}?revision=1").content.decode()
    assert "It is the newest one" not in named
    assert "Revision 1" in named


def test_who_may_only_look_sees_the_steps_and_changes_nothing(
    client: Client, make_user: Callable[..., User], principal: Principal, other_project: Project
) -> None:
    recipe = create_recipe(principal=principal, name="basic", steps=STEPS)
    address = f"{LIST}{recipe.pk}/change/"
    viewer = make_user(Role.VIEWER)
    stranger = make_user(Role.ADMIN, in_project=other_project)
    for user, expected in ((viewer, (200, 403)), (stranger, (404, 404))):
        user.is_staff = True
        user.save()
        client.force_login(user)
        assert client.get(address).status_code == expected[0]
        for wish in ("save", "try", "add"):
            assert client.post(address, {"do": wish, "steps": "[]"}).status_code == expected[1]
    client.force_login(viewer)
    page = client.get(address).content.decode()
    assert "<fieldset disabled>" in page
    assert "Add step" not in page
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}x/change/").status_code == 404
    assert recipe.revisions.count() == 1


def test_a_taken_name_and_steps_without_data_are_refused_beside_their_fields(
    editor: Client, principal: Principal
) -> None:
    create_recipe(principal=principal, name="basic", steps=STEPS)
    address = f"{LIST}add/"
    page = editor.get(address).content.decode()
    page = pressed(editor, address, page, do="add", new_kind="drop", name="basic")
    page = pressed(editor, address, page, do="try", **{"step-0-columns-others": "age"})
    assert "Choose the data to try the steps on" in page
    page = pressed(editor, address, page, _save="1")
    assert "There is a recipe named" in page
    assert ">\nage</textarea>" in page
    page = pressed(editor, address, page, do="json")
    page = pressed(editor, address, page, do="fields", steps="[1")
    assert "steps: is not JSON" in page
    assert "[1</textarea>" in page
