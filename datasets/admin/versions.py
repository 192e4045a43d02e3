"""Versions: their profiles, a look at the rows, archive and restore."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_access import ProjectAdminMixin
from accounts.policy import Permission
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge, refusals_as_messages
from core.errors import DomainError
from datasets import services
from datasets.admin.profile_pages import ProfilePageMixin
from datasets.models import Dataset, DatasetVersion, Use
from datasets.presentation import column_cards, size_text
from datasets.previews import preview_rows
from datasets.selectors import datasets_usable_in

_PREVIEW_ROWS = 20


@admin.register(DatasetVersion)
class DatasetVersionAdmin(ProfilePageMixin, ReadOnlyAdminMixin, ProjectAdminMixin, ModelAdmin):
    """Pinned states of datasets."""

    project_lookup = "dataset__project"
    list_display = (
        "name",
        "state",
        "rows",
        "columns",
        "size",
        "digest",
        "created_by",
        "created_at",
    )
    list_filter = ("status", "dataset__project", "dataset")
    search_fields = ("dataset__name", "sha256")
    list_select_related = ("dataset", "created_by")
    actions_detail: ClassVar[list[str]] = ["deep_profile", "archive", "restore"]
    change_form_outer_after_template = "admin/datasets/version_content.html"
    fieldsets = (
        (None, {"fields": ("name", "state", "rows", "columns", "size", "sha256")}),
        (
            "Origin",
            {"fields": ("origin", "dataset", "parent", "job", "created_by", "created_at")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatasetVersion]:
        usable = self._usable(request, Use.DESCRIBE).order_by()
        queryset = DatasetVersion.objects.filter(dataset__in=usable).order_by("dataset", "-number")
        match = getattr(request, "resolver_match", None)
        if match is not None and str(match.url_name).endswith("_changelist"):
            return queryset.defer("profile")
        return queryset

    def _usable(self, request: HttpRequest, use: Use) -> QuerySet[Dataset]:
        """Return the datasets that at least one of the user's projects may use in this way."""
        user = cast("User", request.user)
        mine = visible_projects(user).values_list("pk", flat=True)
        return datasets_usable_in(list(mine), use, everything=user.is_superuser)

    def has_edit_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the buttons that change something are shown."""
        if object_id is None:
            return False
        version = self.get_queryset(request).filter(pk=object_id).first()
        return version is not None and self.may(request, version.dataset.project, Permission.EDIT)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id) if object_id else None
        context = dict(extra_context or {})
        if isinstance(version, DatasetVersion) and version.has_rows:
            if self._usable(request, Use.READ).filter(pk=version.dataset_id).exists():
                context |= self._content(request, version)
            else:
                messages.info(
                    request, "The dataset is shared for training only: no rows are shown."
                )
        return cast("HttpResponse", super().changeform_view(request, object_id, form_url, context))

    def _content(self, request: HttpRequest, version: DatasetVersion) -> dict[str, Any]:
        total = version.row_count or 0
        offset = _offset(request, total)
        content: dict[str, Any] = {
            "cards": column_cards(version.schema, version.profile),
            "first_row": offset + 1,
            "last_row": min(total, offset + _PREVIEW_ROWS),
            "total_rows": total,
            "earlier": max(0, offset - _PREVIEW_ROWS) if offset else None,
            "later": offset + _PREVIEW_ROWS if offset + _PREVIEW_ROWS < total else None,
        }
        try:
            content["preview"] = preview_rows(version, offset=offset, limit=_PREVIEW_ROWS)
        except DomainError as error:
            messages.error(request, error.message)
        return content

    @display(description="Version")
    def name(self, version: DatasetVersion) -> str:
        return f"{version.dataset.name} v{version.number}"

    @display(description="Status")
    def state(self, version: DatasetVersion) -> SafeString:
        return badge(version.status)

    @display(description="Rows", ordering="row_count")
    def rows(self, version: DatasetVersion) -> str:
        return "–" if version.row_count is None else f"{version.row_count:,}"

    @display(description="Columns")
    def columns(self, version: DatasetVersion) -> str:
        found = version.schema.get("columns", ())
        return str(len(found)) if found else "–"

    @display(description="Size", ordering="size_bytes")
    def size(self, version: DatasetVersion) -> str:
        return size_text(version.size_bytes)

    @display(description="SHA-256")
    def digest(self, version: DatasetVersion) -> str:
        return version.sha256[:12] or "–"

    @display(description="Source")
    def origin(self, version: DatasetVersion) -> str:
        source = version.source
        said = [
            str(source[key])
            for key in ("kind", "filename", "format", "encoding", "mode")
            if source.get(key)
        ]
        return ", ".join(said) or "–"

    @action(description="Archive", url_path="archive", permissions=["edit"], icon="archive")
    @refusals_as_messages
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put the version aside."""
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method != "POST":
            question = "The version is no longer offered for training; its rows stay readable."
            return self._confirm(request, version, f"Archive {version}?", question, "Archive")
        services.archive_version(principal=self._principal(request, version), version=version)
        return self._done(request, version, f"{version} is archived.")

    @action(description="Restore", url_path="restore", permissions=["edit"], icon="unarchive")
    @refusals_as_messages
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then bring the version back."""
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method != "POST":
            question = "The version is offered for training again."
            return self._confirm(request, version, f"Restore {version}?", question, "Restore")
        services.restore_version(principal=self._principal(request, version), version=version)
        return self._done(request, version, f"{version} is ready again.")

    def _principal(self, request: HttpRequest, version: DatasetVersion) -> Any:
        return self.principal(request, version.dataset.project)

    def _done(self, request: HttpRequest, version: DatasetVersion, text: str) -> HttpResponse:
        messages.success(request, text)
        return redirect(reverse("admin:datasets_datasetversion_change", args=[version.pk]))

    def _confirm(
        self, request: HttpRequest, version: DatasetVersion, title: str, question: str, button: str
    ) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/datasets/confirm.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": version,
                "back": reverse("admin:datasets_datasetversion_change", args=[version.pk]),
                "title": title,
                "question": question,
                "button": button,
            },
        )


def _offset(request: HttpRequest, total: int) -> int:
    text = request.GET.get("offset", "0")
    offset = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    return offset if offset < total else 0
