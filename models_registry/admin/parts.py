"""Small pieces of pages that several admin classes of this room share."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import badge
from models_registry.models import ModelVersion
from models_registry.selectors import CHAMPION

_LINK = '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>'


def link(page: str, key: object, label: str) -> SafeString:
    """Return a link to a change page of the admin; ``page`` is ``app_model``."""
    return format_html(_LINK, reverse(f"admin:{page}_change", args=[key]), label)


def version_link(version: ModelVersion | None, label: str = "") -> SafeString | str:
    """Return a link to a version's page."""
    if version is None:
        return "–"
    return link("models_registry_modelversion", version.pk, label or str(version))


def alias_badges(names: Iterable[str]) -> SafeString | str:
    """Return the names that point at a version as badges, ``champion`` first."""
    ordered = sorted(names, key=lambda name: (name != CHAMPION, name))
    return format_html_join(" ", "{}", ((badge(name),) for name in ordered)) or "–"


def verdict_badge(state: str) -> SafeString:
    """Return passed, failed or warned as a badge."""
    if state == "not measured":
        return badge("waived", state)
    return badge("stopped", "warns") if state == "warned" else badge(state)


def in_one_line(text: str) -> SafeString:
    """Return a text that a narrow column must not break."""
    return format_html('<span class="whitespace-nowrap">{}</span>', text)
