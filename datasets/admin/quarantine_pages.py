"""The page of the rows that were put aside when a version was ingested."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from core.admin import refusals_as_messages
from datasets import lake
from datasets.errors import GrantNotEnough
from datasets.models import Use

_PAGE_ROWS = 50


class QuarantinePageMixin:
    """Adds the page "Quarantine" to the admin of versions."""

    admin_site: Any
    opts: Any

    @action(description="Quarantine", url_path="quarantine", icon="rule")
    @refusals_as_messages
    def quarantined_rows(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the rows that could not be read, and why."""
        page: Any = self
        version = get_object_or_404(page.get_queryset(request), pk=object_id)
        if not page._usable(request, Use.READ).filter(pk=version.dataset_id).exists():
            raise GrantNotEnough("The dataset is shared for training only: no rows are shown.")
        total = version.quarantined_rows
        given = request.GET.get("row", "")
        offset = min(int(given), total) if given.isdecimal() and len(given) < 12 else 0
        rows = lake.quarantined(version, offset=offset, limit=_PAGE_ROWS).to_pylist()
        return TemplateResponse(
            request,
            "admin/datasets/quarantine.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": version,
                "title": f"Quarantine of {version}",
                "back": reverse("admin:datasets_datasetversion_change", args=[version.pk]),
                "rows": rows,
                "total": total,
                "first": offset + 1,
                "last": offset + len(rows),
                "earlier": max(0, offset - _PAGE_ROWS) if offset else None,
                "later": offset + _PAGE_ROWS if offset + _PAGE_ROWS < total else None,
            },
        )
