"""The page on which the schema of a dataset is edited: all columns at once, and the history below."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from accounts.policy import Permission
from core.admin import refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.models import Dataset, DatasetVersion
from datasets.schema import Schema
from datasets.schema_form import SchemaFormSet, initial_columns
from datasets.selectors import active_schema_row, schema_to_edit

_MOST_REVISIONS = 20


class SchemaPagesMixin:
    """Adds the page of the schema to that of a dataset."""

    opts: Any
    admin_site: Any

    @action(description="Schema", url_path="schema", icon="table_edit")
    @refusals_as_messages
    def edit_schema(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show all columns in a table; put what comes back in force as a new revision."""
        page: Any = self
        dataset = get_object_or_404(page.get_queryset(request), pk=object_id)
        principal = page.principal(request, dataset.project)
        principal.require(Permission.VIEW)
        may_edit = principal.may(Permission.EDIT)
        if request.method == "POST":
            return self._act_on_schema(request, dataset)
        return self._schema_page(request, dataset, may_edit=may_edit)

    def _act_on_schema(self, request: HttpRequest, dataset: Dataset) -> HttpResponse:
        page: Any = self
        principal = page.principal(request, dataset.project)
        wanted = request.POST.get("action", "save")
        forms: Any = None
        try:
            if wanted == "release":
                services.release_schema(principal=principal, dataset=dataset)
                said = "No edited schema is in force any more."
            elif wanted.startswith("activate-") and wanted.removeprefix("activate-").isdecimal():
                revision = int(wanted.removeprefix("activate-")[:9])
                services.activate_schema(principal=principal, dataset=dataset, revision=revision)
                said = f"Revision {revision} is in force."
            else:
                forms = SchemaFormSet(request.POST, prefix="columns")
                if not forms.is_valid():
                    return self._schema_page(request, dataset, may_edit=True, forms=forms)
                made = services.edit_schema(
                    principal=principal,
                    dataset=dataset,
                    columns=forms.columns(),
                    comment=request.POST.get("comment", ""),
                    expected_revision=_number(request.POST.get("expected_revision")),
                )
                said = f"Revision {made.revision} is in force: every later ingest is held to it."
        except DomainError as refusal:
            if forms is not None:
                forms.take_refusal(refusal)
            messages.error(request, refusal.message)
            return self._schema_page(request, dataset, may_edit=True, forms=forms)
        messages.success(request, said)
        return redirect(reverse("admin:datasets_dataset_edit_schema", args=[dataset.pk]))

    def _schema_page(
        self, request: HttpRequest, dataset: Dataset, *, may_edit: bool, forms: Any = None
    ) -> HttpResponse:
        version = _version_asked_for(request, dataset)
        schema, read_off = schema_to_edit(dataset, version)
        in_force = active_schema_row(dataset)
        newest = _newest_with_rows(dataset)
        if forms is None:
            forms = SchemaFormSet(prefix="columns", initial=initial_columns(schema))
        return TemplateResponse(
            request,
            "admin/datasets/schema.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": dataset,
                "title": f"Schema of {dataset.name}",
                "back": reverse("admin:datasets_dataset_change", args=[dataset.pk]),
                "forms": forms,
                "in_force": in_force,
                "read_off": read_off,
                "newest": newest,
                "drifted": _differences(schema, newest),
                "expected_revision": 0 if in_force is None else in_force.revision,
                "revisions": dataset.schemas.select_related("created_by")[:_MOST_REVISIONS],
                "may_edit": may_edit,
            },
        )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else None


def _newest_with_rows(dataset: Dataset) -> DatasetVersion | None:
    return (
        dataset.versions.filter(delta_version__isnull=False)
        .defer("profile")
        .order_by("-number")
        .first()
    )


def _version_asked_for(request: HttpRequest, dataset: Dataset) -> DatasetVersion | None:
    """Return the version that the table is to be filled from (``?version=3``), if any."""
    number = _number(request.GET.get("version"))
    if number is None:
        return None
    return dataset.versions.filter(number=number, delta_version__isnull=False).first()


def _differences(schema: Schema, newest: DatasetVersion | None) -> str:
    """Say which columns of the newest version the table does not have."""
    if newest is None:
        return ""
    extra = [name for name in Schema.from_dict(newest.schema).names if name not in schema]
    return ", ".join(extra[:20])
