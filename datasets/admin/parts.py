"""What several pages of the room show."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def version_link(version_id: int | None, label: str) -> SafeString | str:
    """Return a link to a version's page."""
    if version_id is None:
        return "–"
    address = reverse("admin:datasets_datasetversion_change", args=[version_id])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, label
    )
