"""The form of a recipe: every step that can be shown as fields is read back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from datasets.recipe_form import Draft, StepForm
from datasets.recipes import STEP_KINDS, Kind, checked_steps, columns_at
from tests.forms import filled_in


def sent(draft: Draft, kinds: dict[str, Kind] | None = None) -> QueryDict:
    """Return what a browser sends of a form that nobody touched."""
    found = QueryDict(mutable=True)
    for form in draft.forms(kinds or {}):
        found.appendlist(f"{form.prefix}-kind", form.kind.kind)
        filled_in("".join(str(field) for field in form), found)
    return found


def checked(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    return checked_steps(steps)


@pytest.mark.parametrize("kind", STEP_KINDS)
@pytest.mark.parametrize("is_offered", [True, False])
def test_each_kind_of_step_is_read_back_as_it_was_shown(kind: str, is_offered: bool) -> None:
    example = STEP_KINDS[kind].example
    steps = checked({"kind": kind, **example})
    draft = Draft.of(steps)
    assert draft.text is None
    names = [*example.get("columns", ()), *example.get("names", ()), "other"]
    data = sent(draft, dict.fromkeys(reversed(names), Kind.TEXT) if is_offered else {})
    again = Draft.posted(data)
    assert again.problems == []
    assert checked_steps(again.steps) == steps


@pytest.mark.parametrize("value", ["unknown", "5", "1e3", "true", '"quoted"', " ", "", 5, 2.5])
def test_text_that_looks_like_a_number_stays_text(value: Any) -> None:
    step = {"kind": "fill", "columns": ["a"], "strategy": "constant", "value": value}
    again = Draft.posted(sent(Draft.of([step]))).steps[0]
    assert (again["value"], type(again["value"])) == (value, type(value))


def test_the_chosen_columns_keep_their_order() -> None:
    steps = checked({"kind": "select", "columns": ["c", "job=admin", "a"]})
    kinds = dict.fromkeys("abc", Kind.NUMBER)
    again = Draft.posted(sent(Draft.of(steps), kinds))
    assert again.steps[0]["columns"] == ["c", "job=admin", "a"]
    assert Draft.posted(sent(Draft.of(steps))).steps[0]["columns"] == ["c", "job=admin", "a"]


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "nonsense"},
        {"kind": ["fill"]},
        "fill",
        {"kind": "fill", "columns": "age"},
        {"kind": "fill", "columns": ["two\nlines"]},
        {"kind": "fill", "columns": ["age"], "what": 1},
        {"kind": "rename", "names": ["a", "b"]},
        {"kind": "date_parts", "columns": ["at"], "parts": ["century"]},
        {"kind": "scale", "columns": ["age"], "method": None},
    ],
)
def test_what_fields_cannot_show_stays_json(step: Any) -> None:
    draft = Draft.of([step]) if isinstance(step, dict) else Draft([step], "[]")
    assert draft.text is not None
    draft.change("fields")
    assert draft.text is not None
    assert "steps[0]" in draft.other_problems[0]


def test_steps_are_added_moved_and_removed() -> None:
    draft = Draft.of(
        checked({"kind": "drop", "columns": ["a"]}, {"kind": "scale", "columns": ["b"]})
    )
    draft.change("add", "one_hot")
    assert draft.steps[2] == {"kind": "one_hot", "max_categories": 20}
    draft.change("up:2")
    draft.change("down:0")
    assert [step["kind"] for step in draft.steps] == ["one_hot", "drop", "scale"]
    draft.change("up:0")
    draft.change("down:2")
    draft.change("remove:1")
    for made_up in ("remove:9", "remove:-1", "up:²", "up:", "nonsense", "remove:x"):
        draft.change(made_up)
    assert [step["kind"] for step in draft.steps] == ["one_hot", "scale"]
    draft.change("add", "nonsense")
    assert draft.other_problems == ["steps: choose the kind of the step"]


def test_an_unfinished_draft_survives_the_way_to_json_and_back() -> None:
    draft = Draft.of([])
    draft.change("add", "fill")
    draft.change("json")
    data = QueryDict(mutable=True)
    data["steps"] = draft.text or ""
    back = Draft.posted(data)
    back.change("fields")
    assert back.text is None
    assert back.steps == draft.steps


@pytest.mark.parametrize(("text", "word"), [("[", "is not JSON"), ("{}", "must be a list")])
def test_json_that_is_no_list_is_refused_and_kept(text: str, word: str) -> None:
    data = QueryDict(mutable=True)
    data["steps"] = text
    draft = Draft.posted(data)
    draft.change("fields")
    assert draft.text == text
    assert word in draft.other_problems[0]


def test_a_column_that_is_renamed_twice_is_refused_beside_its_step() -> None:
    data = QueryDict(mutable=True)
    data["step-0-kind"] = "rename"
    data.setlist("step-0-names-old", ["a", "a", ""])
    data.setlist("step-0-names-new", ["b", "c", ""])
    draft = Draft.posted(data)
    (form,) = draft.forms({})
    assert form.errors == {"names": ["names 'a' twice"]}
    assert 'value="c"' in str(form["names"])
    assert draft.other_problems == []


def test_a_step_offers_the_columns_that_the_steps_before_it_leave() -> None:
    steps: list[dict[str, Any]] = [
        {"kind": "rename", "names": {"a": "b"}},
        {"kind": "scale"},  # not complete yet: passed over
        {"kind": "date_parts", "columns": ["at"], "parts": ["hour"]},
        {"kind": "drop", "columns": []},
    ]
    met = columns_at(steps, {"a": Kind.NUMBER, "at": Kind.MOMENT})
    assert [list(one) for one in met] == [["a", "at"], ["b", "at"], ["b", "at"], ["b", "at_hour"]]
    form = StepForm(steps[3], position=3, offered=met[3])
    assert 'value="at_hour"' in str(form["columns"])


def test_names_of_columns_are_text_and_nothing_else() -> None:
    evil = '"><script>alert(1)</script>'
    steps: list[dict[str, Any]] = [
        {"kind": "drop", "columns": [evil]},
        {"kind": "rename", "names": {evil: evil}},
    ]
    for kinds in ({}, {evil: Kind.TEXT}):
        pages = "".join(str(field) for form in Draft.of(steps).forms(kinds) for field in form)
        assert "<script" not in pages


def test_of_very_many_columns_the_chosen_ones_are_listed_and_others_can_be_typed() -> None:
    kinds = {f"c{number}": Kind.NUMBER for number in range(2_000)}
    steps = checked({"kind": "drop", "columns": ["c1999", "c1"]})
    draft = Draft.of(steps)
    (form,) = draft.forms(kinds)
    assert str(form["columns"]).count("<label") == 300
    assert "300 of 2,000 columns are listed" in form.fields["columns"].help_text
    data = sent(draft, kinds)
    data["step-0-columns-others"] = "c1500\r\n\r\n c1 "
    assert Draft.posted(data).steps[0]["columns"] == ["c1999", "c1", "c1500"]
