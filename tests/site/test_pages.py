"""What the pages of all rooms have in common."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_pages_name_an_icon_of_our_own(client: Client) -> None:
    page = client.get(reverse("admin:login")).content.decode()
    named = re.search(r'<link rel="icon" href="/static/([^"]+)" type="image/svg\+xml"', page)
    assert named is not None
    assert finders.find(named[1])


@pytest.mark.parametrize(
    ("name", "button"),
    [
        ("training_trainingrun", "Train"),
        ("serving_batchscoring", "Score"),
        ("models_registry_modelversion", "Upload"),
        ("datasets_datacheck", "Next"),
    ],
)
def test_pages_that_ask_for_new_work_say_where_they_are_and_what_their_button_does(
    admin_client: Client, admin_user: User, name: str, button: str
) -> None:
    page = admin_client.get(reverse(f"admin:{name}_add")).content.decode()
    assert reverse(f"admin:{name}_changelist") in page
    content = page[page.index('id="content"') :]
    form = re.search(r'<form method="(?:post|get)".*?</form>', content, re.DOTALL)
    assert form is not None
    assert button in re.findall(r">\s*([A-Z][\w ]+?)\s*</button>", form[0])


def test_the_menu_marks_the_search_for_predictions_and_not_the_endpoints(
    admin_client: Client, admin_user: User
) -> None:
    page = admin_client.get(reverse("admin:serving_endpoint_predictions")).content.decode()
    marked = re.findall(r'<a href="([^"]+)"[^>]*class="[^"]*\bactive\b', page)
    assert marked == [reverse("admin:serving_endpoint_predictions")]


@pytest.mark.parametrize(
    ("name", "open_then"),
    [
        ("login", []),
        ("datasets_datasetversion_changelist", ["openCommandResults", "filterOpen"]),
        ("training_trainingrun_add", ["openCommandResults"]),
    ],
)
def test_pages_are_shown_without_scripts_and_nothing_lies_over_them(
    client: Client, admin_user_: User, name: str, open_then: list[str]
) -> None:
    """The library hides a page until its scripts run; what its scripts would close must stay hidden."""
    if name != "login":
        client.force_login(admin_user_)
    page = client.get(reverse(f"admin:{name}")).content.decode()
    style = re.search(r"<noscript><style>(.*?)</style></noscript>", page, re.DOTALL)
    assert style is not None
    assert re.search(r"<html[^>]* x-cloak", page)
    assert "html[x-cloak] { display: block !important; }" in style[1]
    rest = page[style.end() :]
    tags = re.findall(r'<div\b(?:[^>"]|"[^"]*")*>', rest)
    shown = [one for one in tags if "x-show=" in one and not re.search(r"\bx-cloak\b", one)]
    overlays = [
        re.findall(r'x-show="([^"]+)"', one)[0] for one in shown if re.search(r"\bfixed\b", one)
    ]
    assert sorted(overlays) == sorted(open_then)
    for one in overlays:
        assert f'[x-show="{one}"]' in style[1]
