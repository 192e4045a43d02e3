"""Recipes in the admin: written, revised, tried on data, cloned."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Project
from datasets.models import DatasetVersion, Recipe
from tests.datasets.test_recipes_api import ROWS, STEPS

LIST = "/admin/datasets/recipe/"


def inline() -> dict[str, str]:
    return {"revisions-TOTAL_FORMS": "0", "revisions-INITIAL_FORMS": "0"}


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
    changed = {**form, "steps": more, "based_on": 1, "name": "better", **inline()}
    answer = client.post(page, changed)
    assert answer.status_code == 302, answer.content
    assert recipe.revisions.count() == 2
    assert Recipe.objects.get().name == "better"
    version = ingested(ROWS)
    shown = client.get(f"{LIST}{recipe.pk}/try/?dataset_version={version.pk}").content.decode()
    assert "3 rows" in shown
    assert "step 0" in shown
    client.post(f"{LIST}{recipe.pk}/clone/", {"name": "copy"})
    assert Recipe.objects.filter(name="copy").exists()
    client.post(f"{LIST}{recipe.pk}/remove/")
    assert not Recipe.objects.filter(name="better").exists()
    assert client.get(LIST).status_code == 200
