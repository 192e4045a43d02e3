"""Walking the registry's pages as a browser would."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.test import Client
from django.urls import reverse

Staff = Callable[..., Client]


def address(name: str, *args: object) -> str:
    return reverse(f"admin:models_registry_{name}", args=args)


def page(client: Client, name: str, *args: object) -> str:
    answer = client.get(address(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, name: str, row: Any, **fields: str) -> str:
    """Answer an action's question, and return the page that follows."""
    answer = client.post(address(name, row.pk), fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def buttons(client: Client, name: str, row: Any) -> set[str]:
    """Return the actions that a page offers."""
    start = address(f"{name}_change", row.pk).removesuffix("change/")
    html = page(client, f"{name}_change", row.pk)
    found = set(re.findall(rf'href="{re.escape(start)}([a-z-]+)/', html))
    return found - {"history", "change", "delete"}
