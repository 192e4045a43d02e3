"""The rows of a version on its page: filtered, sorted, paged, downloaded, compared with another version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
)

from accounts.models import Project
from accounts.policy import Permission
from accounts.principals import Principal
from accounts.selectors import principal_in_project, visible_projects
from core.admin import refusals_as_messages
from core.errors import DomainError
from core.forms import show_refusal
from datasets import services
from datasets.exploration import page_rows
from datasets.exploration.parameters import address_query, row_query_of
from datasets.exploration.rows import RowPage
from datasets.exploration.sending import streamed
from datasets.models import Dataset, DatasetVersion, Use
from datasets.querying import Filter, Operator, OrderKey, RowQuery, parse_filters
from datasets.schema import Schema
from datasets.selectors import may_use

PAGE_ROWS = 20
_MOST_FORM_FILTERS = 20
_SEPARATOR = ";"
_LISTS = (Operator.BETWEEN, Operator.IN)
_NAMES = {
    Operator.EQUALS: "equals",
    Operator.NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.LESS: "less than",
    Operator.AT_MOST: "at most",
    Operator.MORE: "more than",
    Operator.AT_LEAST: "at least",
    Operator.BETWEEN: "between (a; b)",
    Operator.IN: "one of (a; b; …)",
    Operator.IS_NULL: "is null",
    Operator.NOT_NULL: "is not null",
}


def principal_for(request: HttpRequest, dataset: Dataset, use: Use) -> Principal:
    """Return the signed-in user in a project that may use the dataset in this way, the owning one first.

    Where none may, it is one of the user's own projects, which the services refuse.
    """
    user = cast("User", request.user)
    projects: list[Project] = sorted(
        visible_projects(user), key=lambda project: project.pk != dataset.project_id
    )
    chosen = next((one for one in projects if may_use(one.pk, dataset, use)), projects[0])
    return principal_in_project(user, chosen)


@dataclass(frozen=True, slots=True)
class Header:
    """A column's name over the table, with the address that sorts by it."""

    name: str
    address: str
    sign: str


@dataclass(frozen=True, slots=True)
class FilterLine:
    """One line of the filter form."""

    number: int
    column: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class RowsSection:
    """Everything that the template shows of the rows."""

    page: RowPage
    headers: list[Header]
    lines: list[FilterLine]
    columns: tuple[str, ...]
    operators: list[tuple[str, str]]
    order: list[str]
    is_filtered: bool
    total: int
    first: int
    last: int
    earlier: str | None
    later: str | None
    downloads: list[tuple[str, str]]
    may_download: bool


def rows_section(request: HttpRequest, version: DatasetVersion) -> RowsSection | None:
    """Return the rows that the address asks for; what is wrong with it becomes a message."""
    schema = Schema.from_dict(version.schema)
    try:
        query = _query(request, schema)
    except DomainError as error:
        messages.error(request, error.message)
        query = RowQuery(schema.names)
    offset = _offset(request)
    try:
        page = page_rows(version, query, offset=offset, limit=PAGE_ROWS)
        if not page.rows and offset:
            page = page_rows(version, query, offset=0, limit=PAGE_ROWS)
    except DomainError as error:
        messages.error(request, error.message)
        return None
    return _section(request, version, schema, query, page)


def _section(
    request: HttpRequest,
    version: DatasetVersion,
    schema: Schema,
    query: RowQuery,
    page: RowPage,
) -> RowsSection:
    offset = page.offset

    def at(number: int) -> str:
        return f"?{address_query(query, schema, offset=str(number))}#rows"

    downloads = reverse("admin:datasets_datasetversion_download", args=[version.pk])
    kinds = [("CSV", {"type": "csv"}), ("Parquet", {"type": "parquet"})]
    if principal_for(request, version.dataset, Use.DOWNLOAD).may(Permission.EDIT):
        kinds.append(("CSV, formulas kept", {"type": "csv", "raw": "true"}))
    return RowsSection(
        page=page,
        headers=[_header(name, schema, query) for name in page.columns],
        lines=_lines(query.filters),
        columns=schema.names,
        operators=[(one.value, text) for one, text in _NAMES.items()],
        order=[str(key) for key in query.order],
        is_filtered=bool(query.filters),
        total=version.row_count or 0,
        first=offset + 1 if page.rows else 0,
        last=offset + len(page.rows),
        earlier=at(max(0, offset - PAGE_ROWS)) if offset else None,
        later=at(offset + PAGE_ROWS) if offset + PAGE_ROWS < page.matching else None,
        downloads=[
            (label, f"{downloads}?{address_query(query, schema, **kind)}") for label, kind in kinds
        ],
        may_download=may_use(
            principal_for(request, version.dataset, Use.DOWNLOAD).project_id,
            version.dataset,
            Use.DOWNLOAD,
        ),
    )


def _query(request: HttpRequest, schema: Schema) -> RowQuery:
    """Return what the address asks for: as a link says it, or as the form sends it."""
    query = row_query_of(request.GET, schema)
    given = []
    for number in range(_MOST_FORM_FILTERS):
        column = request.GET.get(f"column_{number}")
        if column:
            operator = request.GET.get(f"operator_{number}", "")
            value = request.GET.get(f"value_{number}", "")
            given.append(_from_form(column, operator, value))
    if not given:
        return query
    return RowQuery(query.columns, parse_filters(given, schema), query.order)


def _from_form(column: str, operator: str, value: str) -> dict[str, Any]:
    told: dict[str, Any] = {"column": column, "operator": operator}
    if operator in (Operator.IS_NULL, Operator.NOT_NULL):
        return told
    if operator in _LISTS:
        return {**told, "value": [part.strip() for part in value.split(_SEPARATOR)]}
    return {**told, "value": value}


def _lines(filters: Sequence[Filter]) -> list[FilterLine]:
    """Return the filters as lines of the form, and an empty one for the next."""
    lines = [
        FilterLine(
            number,
            one.column.name,
            one.operator.value,
            f"{_SEPARATOR} ".join(_shown(value) for value in one.values),
        )
        for number, one in enumerate(filters)
    ]
    if len(lines) < _MOST_FORM_FILTERS:
        lines.append(FilterLine(len(lines), "", "", ""))
    return lines


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header(name: str, schema: Schema, query: RowQuery) -> Header:
    """A click sorts upwards, the next one downwards, the third not at all; earlier keys come after it."""
    present = next((key for key in query.order if key.column.name == name), None)
    rest = tuple(key for key in query.order if key is not present)[:2]
    column = schema.column(name)
    if present is None:
        order = (OrderKey(column), *rest)
    elif not present.descending:
        order = (OrderKey(column, descending=True), *rest)
    else:
        order = rest
    again = RowQuery(query.columns, query.filters, order)
    sign = "" if present is None else "▼" if present.descending else "▲"
    return Header(name, f"?{address_query(again, schema)}#rows", sign)


def _offset(request: HttpRequest) -> int:
    text = request.GET.get("offset", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


class RowPagesMixin:
    """Downloads and comparisons from a version's page."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[Any]:
        """Add the address of downloads."""
        mine = path(
            "<int:version_id>/download/",
            self.admin_site.admin_view(self.download),
            name="datasets_datasetversion_download",
        )
        return [mine, *super().get_urls()]  # type: ignore[misc]

    @refusals_as_messages
    def download(self, request: HttpRequest, version_id: int) -> HttpResponse:
        """Send the rows that the address asks for as a file."""
        version = self._seen(request, version_id)
        file_type = "parquet" if request.GET.get("type") == "parquet" else "csv"
        answer: HttpResponseBase = streamed(
            services.download_version(
                principal=principal_for(request, version.dataset, Use.DOWNLOAD),
                version=version,
                query=_query(request, Schema.from_dict(version.schema)),
                file_type="parquet" if file_type == "parquet" else "csv",
                is_raw=request.GET.get("raw") == "true",
            )
        )
        return cast("HttpResponse", answer)

    @action(description="Compare", url_path="compare", icon="difference")
    @refusals_as_messages
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose what the version is compared with, and ask for it."""
        version = self._seen(request, object_id)
        form = _comparison_form(version)(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                comparison = services.compare_versions(
                    principal=principal_for(request, version.dataset, Use.READ),
                    base=form.cleaned_data["base"],
                    other=version,
                    key=form.cleaned_data["key"],
                )
            except DomainError as refusal:
                show_refusal(form, refusal)
            else:
                return redirect(
                    reverse("admin:datasets_versioncomparison_change", args=[comparison.pk])
                )
        return TemplateResponse(
            request,
            "admin/form_page.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": version,
                "title": f"Compare {version} with an earlier version",
                "form": form,
                "button": "Compare",
                "back": reverse("admin:datasets_datasetversion_change", args=[version.pk]),
            },
        )

    def _seen(self, request: HttpRequest, version_id: Any) -> DatasetVersion:
        queryset = self.get_queryset(request)  # type: ignore[attr-defined]
        found: DatasetVersion = get_object_or_404(
            queryset.select_related("dataset__project"), pk=version_id
        )
        return found


class ComparisonForm(forms.Form):
    """The version to compare with, and the columns that identify a row."""

    base = forms.ModelChoiceField(
        queryset=DatasetVersion.objects.none(),
        empty_label=None,
        label="Compare with",
        widget=UnfoldAdminSelectWidget,
    )
    key = forms.MultipleChoiceField(
        required=False,
        label="Key",
        help_text=(
            "The columns that identify a row. Without any, whole rows are compared: "
            "then rows come and go, and none changes."
        ),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


def _comparison_form(version: DatasetVersion) -> type[ComparisonForm]:
    """Return the form with the choices of one version."""
    others = DatasetVersion.objects.filter(
        dataset_id=version.dataset_id, status__in=("ready", "archived"), delta_version__isnull=False
    ).exclude(pk=version.pk)
    schema = Schema.from_dict(version.schema)
    identifiers = [column.name for column in schema if column.role.value == "identifier"]
    earlier = others.filter(number__lt=version.number).order_by("-number").first()

    class Chosen(ComparisonForm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            base = cast("forms.ModelChoiceField[DatasetVersion]", self.fields["base"])
            base.queryset = others.select_related("dataset").order_by("-number")
            base.initial = earlier
            key = cast("forms.MultipleChoiceField", self.fields["key"])
            key.choices = [(name, name) for name in schema.names]
            key.initial = identifiers

    return Chosen
