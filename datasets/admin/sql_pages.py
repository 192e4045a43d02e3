"""SQL and versions of the past, from the pages of datasets."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Project
from accounts.principals import Principal
from accounts.selectors import principal_in_project, visible_projects
from core.errors import DomainError
from datasets import services
from datasets.downloads import csv_table
from datasets.engine.quoting import identifier
from datasets.execution.sql import SqlResult
from datasets.models import DatasetVersion, Use
from datasets.querying.values import moment
from datasets.sandbox.statement import MOST_CHARACTERS
from datasets.selectors import datasets_visible_to, datasets_with_counts, sql_name, version_at

_SHOWN_ROWS = 200
_SHOWN_TABLES = 200


class SqlForm(forms.Form):
    """A statement, and the project on whose behalf it runs."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    query = forms.CharField(
        label="SQL",
        max_length=MOST_CHARACTERS,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
    )


class MomentForm(forms.Form):
    """A moment of the past."""

    time = forms.CharField(
        max_length=40,
        help_text="A date or moment such as 2026-01-31 or 2026-01-31T12:00; UTC unless it names a zone.",
        widget=UnfoldAdminTextInputWidget,
    )


class SqlPagesMixin:
    """The SQL page, and a way to the version of a moment."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[Any]:
        """Add the address of the SQL page."""
        mine = path("sql/", self.admin_site.admin_view(self.sql), name="datasets_dataset_sql")
        return [mine, *super().get_urls()]  # type: ignore[misc]

    def sql(self, request: HttpRequest) -> HttpResponse:
        """Take a statement; show what it gives, or send it as CSV."""
        user = cast("User", request.user)
        projects = visible_projects(user).order_by("name")
        form = SqlForm(
            request.POST if request.method == "POST" else None,
            initial={"project": request.GET.get("project") or projects.first()},
        )
        cast("forms.ModelChoiceField[Project]", form.fields["project"]).queryset = projects
        context: dict[str, Any] = {"form": form}
        project = (
            projects.filter(pk=_number(request.GET.get("project")) or 0).first() or projects.first()
        )
        if request.method == "POST" and form.is_valid():
            project = form.cleaned_data["project"]
            principal = principal_in_project(user, project)
            as_file = "download" in request.POST
            try:
                result = services.run_sql(
                    principal=principal,
                    query=form.cleaned_data["query"],
                    limit=None if as_file else _SHOWN_ROWS,
                    use=Use.DOWNLOAD if as_file else Use.READ,
                )
            except DomainError as error:
                context["refusal"] = error
                context["refused_line"] = _refused_line(form.cleaned_data["query"], error)
            else:
                if as_file:
                    return _file(result)
                context["result"] = result
        if project is not None:
            context["tables"] = _tables(principal_in_project(user, project))
        return TemplateResponse(
            request,
            "admin/datasets/sql.html",
            {
                **self.admin_site.each_context(request),
                "title": "SQL",
                "content_title": "SQL",
                "seconds": settings.SQL_SECONDS,
                "most_rows": settings.SQL_MAX_ROWS,
                **context,
            },
        )

    @action(description="At a moment", url_path="at", icon="history")
    def at_moment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the version that was the newest at a moment."""
        dataset = get_object_or_404(self.get_queryset(request), pk=object_id)  # type: ignore[attr-defined]
        form = MomentForm(request.GET if "time" in request.GET else None)
        if form.is_bound and form.is_valid():
            try:
                version = version_at(dataset, moment(form.cleaned_data["time"]))
            except (ValueError, DomainError) as error:
                form.add_error("time", str(error))
            else:
                return redirect(reverse("admin:datasets_datasetversion_change", args=[version.pk]))
        return TemplateResponse(
            request,
            "admin/form_page.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": dataset,
                "title": f"{dataset.name} at a moment",
                "form": form,
                "button": "Show the version",
                "method": "get",
                "back": reverse("admin:datasets_dataset_change", args=[dataset.pk]),
            },
        )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _tables(principal: Principal) -> list[dict[str, Any]]:
    """Return what a statement can name: names in quotes, columns with their types."""
    ready = DatasetVersion.objects.filter(dataset=OuterRef("pk"), status="ready")
    datasets = list(
        datasets_with_counts(datasets_visible_to(principal, Use.READ))
        .filter(Exists(ready))
        .select_related("project")
        .order_by("name")[:_SHOWN_TABLES]
    )
    newest = DatasetVersion.objects.defer("profile").in_bulk(
        [cast("Any", one).latest_version_id for one in datasets]
    )
    return [
        {
            "name": identifier(sql_name(one, principal.project_id)),
            "version": newest[cast("Any", one).latest_version_id],
        }
        for one in datasets
    ]


def _refused_line(query: str, error: DomainError) -> tuple[str, str, str] | None:
    """Return the line that is to blame: before the place, the word there, what follows."""
    line, column = error.details.get("line"), error.details.get("column")
    if not isinstance(line, int) or not isinstance(column, int):
        return None
    text = query.split("\n")[line - 1]
    start = column - 1
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in "_\"'"):
        end += 1
    end = max(end, start + 1)
    return text[max(0, start - 80) : start], text[start:end] or " ", text[end : end + 80]


def _file(result: SqlResult) -> HttpResponse:
    content = csv_table([column.name for column in result.columns], result.rows)
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="result.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
