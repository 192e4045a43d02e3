"""Versions: their profiles, a look at the rows, archive and restore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from accounts.admin_asking import Question
from accounts.principals import Principal
from accounts.selectors import visible_projects
from core.admin import ModelAdmin, ReadOnlyAdminMixin, badge
from datasets import services
from datasets.admin.checks import CheckResultsMixin
from datasets.admin.erasures import ErasedRowsMixin, erased_from
from datasets.admin.profile_pages import ProfilePageMixin
from datasets.admin.quarantine_pages import QuarantinePageMixin
from datasets.admin.retention import HoldMixin
from datasets.admin.row_pages import RowPagesMixin, rows_section
from datasets.models import Dataset, DatasetVersion, Use, VersionStatus
from datasets.presentation import column_cards, size_text
from datasets.selectors import datasets_usable_in

#: Where rows are scored: a page of a room above, known by its name only.
SCORING_PAGE = "admin:serving_batchscoring_add"


@admin.register(DatasetVersion)
class DatasetVersionAdmin(
    QuarantinePageMixin,
    CheckResultsMixin,
    ErasedRowsMixin,
    RowPagesMixin,
    ProfilePageMixin,
    ReadOnlyAdminMixin,
    HoldMixin,
    ModelAdmin,
):
    """Pinned states of datasets."""

    project_lookup = "dataset__project"
    list_display = (
        "name",
        "state",
        "rows",
        "columns",
        "size",
        "digest",
        "erased",
        "created_by",
        "created_at",
    )
    list_filter = ("status", "dataset__project", "dataset")
    search_fields = ("dataset__name", "sha256")
    list_select_related = ("dataset", "created_by")
    actions_detail: ClassVar[list[Any]] = [
        "deep_profile",
        "quarantined_rows",
        "compare",
        "check_again",
        "waive",
        {
            "title": "More",
            "icon": "more_horiz",
            "items": ["score", "verify", "archive", "restore", "hold", "release"],
        },
    ]
    change_form_outer_after_template = "admin/datasets/version_content.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "state",
                    "rows",
                    "columns",
                    "size",
                    "whole_digest",
                    "kept",
                    "erased",
                )
            },
        ),
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

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        version = self.get_object(request, object_id) if object_id else None
        context = dict(extra_context or {})
        if isinstance(version, DatasetVersion):
            context |= erased_from(version)
            if self._usable(request, Use.READ).filter(pk=version.dataset_id).exists():
                context |= self.check_context(version)
                if version.has_rows:
                    context |= self._content(request, version)
            elif version.has_rows:
                messages.info(
                    request, "The dataset is shared for training only: no rows are shown."
                )
        return cast("HttpResponse", super().changeform_view(request, object_id, form_url, context))

    def _content(self, request: HttpRequest, version: DatasetVersion) -> dict[str, Any]:
        content: dict[str, Any] = {
            "cards": column_cards(version.schema, version.profile),
            "section": rows_section(request, version),
        }
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

    @display(description="SHA-256 over all rows")
    def whole_digest(self, version: DatasetVersion) -> str:
        return version.sha256 or "–"

    @display(description="Retention")
    def kept(self, version: DatasetVersion) -> str:
        if version.status == VersionStatus.PURGED:
            return f"The rows were removed on {version.purged_at:%Y-%m-%d %H:%M} UTC"
        return f"held: {version.hold_reason}" if version.hold_reason else "as the policy says"

    @display(description="Source")
    def origin(self, version: DatasetVersion) -> str:
        source = version.source
        said = [
            str(source[key])
            for key in ("kind", "filename", "format", "encoding", "mode")
            if source.get(key)
        ]
        return ", ".join(said) or "–"

    @action(description="Score by a model", url_path="score", icon="table_view")
    def score(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Lead to the page that asks by which model."""
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        return redirect(f"{reverse(SCORING_PAGE)}?dataset_version={version.pk}")

    @action(description="Archive", url_path="archive", permissions=["edit"], icon="archive")
    def archive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then put the version aside."""

        def act(version: DatasetVersion, _: Mapping[str, Any]) -> str:
            services.archive_version(principal=self._principal(request, version), version=version)
            return f"{version} is archived."

        question = "The version is no longer offered for training; its rows stay readable."
        return self.ask(
            request,
            object_id,
            lambda version: Question(f"Archive {version}?", question, "Archive", is_danger=True),
            act,
        )

    @action(description="Restore", url_path="restore", permissions=["edit"], icon="unarchive")
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then bring the version back."""

        def act(version: DatasetVersion, _: Mapping[str, Any]) -> str:
            services.restore_version(principal=self._principal(request, version), version=version)
            return f"{version} is ready again."

        question = "The version is offered for training again."
        return self.ask(
            request,
            object_id,
            lambda version: Question(f"Restore {version}?", question, "Restore"),
            act,
        )

    def _principal(self, request: HttpRequest, version: DatasetVersion) -> Principal:
        return self.principal(request, version.dataset.project)
