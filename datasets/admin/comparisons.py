"""Comparisons of versions in the admin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import display

from accounts.admin_access import ProjectAdminMixin
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from core.errors import DomainError
from datasets.exploration.comparisons import ComparisonDetails, details_of
from datasets.models import ComparisonStatus, Use, VersionComparison
from datasets.selectors import datasets_usable_in

_FACTS = (("nulls", "nulls"), ("distinct", "distinct"), ("mean", "mean"), ("std", "std"))


@dataclass(frozen=True, slots=True)
class Share:
    """One part of the bar that says what became of the rows."""

    name: str
    count: int
    percent: float
    colour: str


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """How many of the changed rows differ in a column."""

    name: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """What differs in one column's profile."""

    column: str
    facts: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """A comparison prepared for its page."""

    result: dict[str, Any]
    shares: list[Share]
    columns: list[ColumnLine]
    profile: list[ProfileLine]
    details: ComparisonDetails


def comparison_page(comparison: VersionComparison) -> ComparisonPage:
    """Return what the page of a comparison that is ready shows."""
    details = details_of(comparison)
    result = comparison.result
    parts = [
        ("unchanged", "#94a3b8"),
        ("changed", "#d97706"),
        ("added", "#16a34a"),
        ("removed", "#dc2626"),
    ]
    total = sum(int(result[name]) for name, _ in parts) or 1
    changed = int(result["changed"]) or 1
    cells = sorted(result["changed_cells"].items(), key=lambda item: -item[1])
    return ComparisonPage(
        result=result,
        shares=[
            Share(name, int(result[name]), round(100 * int(result[name]) / total, 2), colour)
            for name, colour in parts
        ],
        columns=[ColumnLine(n, count, round(100 * count / changed, 1)) for n, count in cells],
        profile=[_profile_line(entry) for entry in details.profile],
        details=details,
    )


def _profile_line(entry: dict[str, Any]) -> ProfileLine:
    facts = [
        (label, _text(entry[key]["old"]), _text(entry[key]["new"]))
        for key, label in _FACTS
        if key in entry
    ]
    facts += [
        (f"{100 * one['p']:g} % quantile", _text(one["old"]), _text(one["new"]))
        for one in entry.get("quantiles", ())
        if one["p"] in (0.0, 0.5, 1.0)
    ]
    facts += [
        (f"“{_text(one['value'])}”", _text(one["old"]), _text(one["new"]))
        for one in entry.get("top", ())[:5]
    ]
    return ProfileLine(entry["column"], facts)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.5g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@admin.register(VersionComparison)
class VersionComparisonAdmin(ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """What differs between two versions."""

    list_display = (
        "name", "state", "by", "added", "removed", "changed", "created_by", "created_at",
    )  # fmt: skip
    list_filter = ("status",)
    search_fields = ("base__dataset__name",)
    fieldsets = (
        (None, {"fields": ("base", "other", "by", "state", "job", "created_by", "created_at")}),
    )
    change_form_before_template = "admin/datasets/comparison.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[VersionComparison]:
        user = cast("User", request.user)
        mine = list(visible_projects(user).values_list("pk", flat=True))
        readable = datasets_usable_in(mine, Use.READ, everything=user.is_superuser).order_by()
        return VersionComparison.objects.filter(base__dataset__in=readable).select_related(
            "base__dataset", "other__dataset", "created_by", "job"
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        comparison = self.get_object(request, object_id) if object_id else None
        context = dict(extra_context or {})
        if isinstance(comparison, VersionComparison):
            context["comparison"] = comparison
            if comparison.status == ComparisonStatus.READY:
                try:
                    context["page"] = comparison_page(comparison)
                except DomainError as error:
                    messages.error(request, error.message)
        return cast("HttpResponse", super().changeform_view(request, object_id, form_url, context))

    @display(description="Versions")
    def name(self, comparison: VersionComparison) -> str:
        return str(comparison)

    @display(description="Status")
    def state(self, comparison: VersionComparison) -> SafeString:
        return badge(comparison.status)

    @display(description="Key")
    def by(self, comparison: VersionComparison) -> str:
        return ", ".join(comparison.key) or "whole rows"

    @display(description="Added")
    def added(self, comparison: VersionComparison) -> str:
        return _count(comparison, "added")

    @display(description="Removed")
    def removed(self, comparison: VersionComparison) -> str:
        return _count(comparison, "removed")

    @display(description="Changed")
    def changed(self, comparison: VersionComparison) -> str:
        return _count(comparison, "changed")


def _count(comparison: VersionComparison, name: str) -> str:
    return f"{comparison.result[name]:,}" if name in comparison.result else "–"
