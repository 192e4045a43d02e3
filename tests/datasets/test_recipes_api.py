"""Recipes by REST: written, revised, tried, cloned, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditEvent, Project, Role
from accounts.principals import Principal
from datasets.models import DatasetVersion, Recipe
from datasets.recipes import STEP_KINDS, checked_steps
from datasets.services import create_recipe

Api = Callable[..., APIClient]
URL = "/api/v1/recipes/"
STEPS: list[dict[str, Any]] = [{"kind": "fill", "columns": ["age"], "strategy": "mean"}]
ROWS = b"age,city,at,paid\n20,Ulm,2024-05-01T08:00:00Z,yes\n,Bonn,2024-05-01T09:00:00Z,no\n40,Ulm,2024-05-02T08:00:00Z,yes\n"


def written(client: APIClient, **changes: Any) -> Any:
    return client.post(URL, {"name": "basic", "steps": STEPS, **changes}, format="json")


def test_a_recipe_is_written_revised_and_read(api: Api) -> None:
    client = api()
    made = written(client)
    assert made.status_code == 201, made.content
    recipe = made.json()
    assert recipe["revision"] == 1
    assert recipe["steps"] == checked_steps(STEPS)
    own = f"{URL}{recipe['id']}/"
    more = [*STEPS, {"kind": "scale", "columns": ["age"]}]
    wish = {"steps": more, "note": "scaled", "based_on": 1}
    assert client.post(f"{own}revisions/", wish, format="json").json()["number"] == 2
    again = client.post(f"{own}revisions/", {**wish, "based_on": 2}, format="json")
    assert again.json()["number"] == 2
    late = client.post(f"{own}revisions/", {**wish, "steps": STEPS}, format="json")
    assert late.status_code == 409
    assert late.json()["code"] == "recipe_overtaken"
    assert client.get(own).json()["revision"] == 2
    listed = client.get(f"{own}revisions/").json()["results"]
    assert [(one["number"], one["note"]) for one in listed] == [(2, "scaled"), (1, "")]
    renamed = client.patch(own, {"name": "better"}, format="json")
    assert renamed.json()["name"] == "better"
    cloned = client.post(f"{own}clone/", {"name": "copy", "revision": 1}, format="json")
    assert cloned.status_code == 201
    assert cloned.json()["steps"] == checked_steps(STEPS)
    assert cloned.json()["cloned_from"] == "better r1"
    assert client.delete(own).status_code == 204
    assert list(Recipe.objects.values_list("name", flat=True)) == ["copy"]
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"recipe.created", "recipe.revised", "recipe.changed", "recipe.deleted"} <= actions


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"steps": []}, 422, "steps"),
        ({"steps": [{"kind": "fill"}]}, 422, "steps[0].columns"),
        ({"steps": [*STEPS, {"kind": "eval"}]}, 422, "steps[1].kind"),
        ({"name": " "}, 422, "name"),
        ({"name": "taken"}, 409, "name"),
    ],
)
def test_what_is_wrong_is_named(
    api: Api, principal: Principal, changes: dict[str, Any], status: int, field: str
) -> None:
    create_recipe(principal=principal, name="taken", steps=STEPS)
    refused = written(api(), **changes)
    assert refused.status_code == status, refused.content
    assert refused.json()["errors"][0]["field"] == field
    assert Recipe.objects.count() == 1


def test_others_see_nothing_and_viewers_change_nothing(
    api: Api, principal: Principal, other_project: Project
) -> None:
    own = f"{URL}{create_recipe(principal=principal, name='basic', steps=STEPS).pk}/"
    stranger, viewer = api(in_project=other_project), api(Role.VIEWER)
    for call in (stranger.get, stranger.delete):
        assert call(own).status_code == 404
    assert stranger.get(URL).json()["results"] == []
    assert viewer.get(own).status_code == 200
    assert viewer.delete(own).status_code == 403
    assert written(viewer, name="x").status_code == 403


def test_a_preview_shows_before_and_after(
    api: Api, ingested: Callable[..., DatasetVersion], other_project: Project
) -> None:
    version = ingested(ROWS)
    wish = {
        "dataset_version": version.pk,
        "target": "paid",
        "steps": [
            *STEPS,
            {"kind": "date_parts", "columns": ["at"], "parts": ["hour"]},
            {"kind": "target_encoding", "columns": ["city"], "smoothing": 0},
        ],
    }
    found = api().post(f"{URL}preview/", wish, format="json").json()
    assert found["is_complete"], found
    assert [one["name"] for one in found["before"]["columns"]] == ["age", "city", "at"]
    assert found["before"]["columns"][2]["kind"] == "moment"
    made = {one["name"]: one["step"] for one in found["after"]["columns"]}
    assert made == {"age": 0, "city": 2, "at_hour": 1}
    assert found["after"]["rows"] == [[20, 1, 8], [30, 0, 9], [40, 1, 8]]
    stranger = api(in_project=other_project)
    assert stranger.post(f"{URL}preview/", wish, format="json").status_code == 404
    wish["target"] = "nothing"
    assert api().post(f"{URL}preview/", wish, format="json").status_code == 422


def test_a_preview_says_which_step_failed_and_shows_what_came_before(
    api: Api, ingested: Callable[..., DatasetVersion]
) -> None:
    steps = [*STEPS, {"kind": "scale", "columns": ["city"]}, {"kind": "drop", "columns": ["at"]}]
    wish = {"dataset_version": ingested(ROWS).pk, "steps": steps}
    found = api().post(f"{URL}preview/", wish, format="json").json()
    assert [one["status"] for one in found["steps"]] == ["done", "failed", "not_reached"]
    assert found["steps"][1]["errors"][0]["field"] == "steps[1].columns"
    assert not found["is_complete"]
    assert found["after"]["rows"][1][0] == 30


def test_every_kind_of_step_is_described(api: Api) -> None:
    kinds = api().get("/api/v1/recipe-steps/").json()
    assert [one["kind"] for one in kinds] == list(STEP_KINDS)
    for one in kinds:
        assert set(one["example"]) <= set(one["schema"]["properties"])
        assert set(one["schema"]["required"]) <= set(one["example"])


def test_a_list_of_recipes_costs_the_same_whatever_its_length(
    api: Api, principal: Principal, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    first = create_recipe(principal=principal, name="r", steps=STEPS).revisions.get()
    for number in range(8):
        create_recipe(principal=principal, name=f"r{number}", steps=STEPS, cloned_from=first)
    client = api()
    with django_assert_max_num_queries(8):
        assert len(client.get(URL).json()["results"]) == 9
